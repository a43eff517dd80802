"""What a data set is made of, put into the remote: its images, what people said of more, and the outputs of its jobs as
DVC has recorded them. Read without DVC's lock: each of the documents that name them is replaced in one step.
"""

from __future__ import annotations

from typing import Literal

from services.dvc.data import data_version
from services.dvc.named import Names
from services.dvc.remote import Remote, configured_remote, local_store
from services.store.transfer import Progress, transfer
from tocoad.errors import SettingsError
from tocoad.files.documents import LOCK, TRACKED, documents, tracked_file
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params
from tocoad.stages.graph import jobs_of

Part = Literal["images", "all"]


def remote_to_push_to(workspace: Workspace) -> Remote:
    """Raises SettingsError where none is configured, or none that we know."""
    if (remote := configured_remote(workspace)) is None:
        raise SettingsError("no remote is configured: tocoad remote set URL")
    return remote


def refuse_unknown(workspace: Workspace, dataset: str) -> None:
    """Raises SettingsError where the data set was never brought under DVC."""
    if data_version(workspace, dataset) is None:
        raise SettingsError(f"data set {dataset!r} is not under DVC here: tocoad data add SOURCE --name {dataset}")


def push(workspace: Workspace, dataset: str, part: Part, progress: Progress, patience: float) -> None:
    """Puts there what is not there yet; a remote that is away is waited for `patience` seconds in a row.

    Raises:
        SettingsError: there is no remote, or no data set.
        StoreError, StoreAwayError: what was moved stays there.
    """
    remote = remote_to_push_to(workspace).store(patience)
    refuse_unknown(workspace, dataset)
    transfer(local_store(workspace), remote, _named(workspace, dataset, part), progress)


def _named(workspace: Workspace, dataset: str, part: Part) -> set[str]:
    """Of dvc.lock's entries those of jobs that the plan has: what it says of others DVC may have let go of."""
    own = {tracked_file(kind, dataset) for kind in TRACKED}
    texts = {name: file.read_text("utf-8") for name, file in documents(workspace).items() if name in {*own, LOCK}}
    names, where = Names(), str(workspace.root)
    named = names.everything({name: text for name, text in texts.items() if name in own}, where)
    if part == "images":
        return named
    plan = load_params(workspace).plan
    categories = [category for category in map(Category.parse, plan.categories) if category.dataset == dataset]
    jobs = {job.dvc_name for category in categories for job in jobs_of(category, plan.method(category))}
    return named | names.outputs(texts, where, jobs.__contains__)
