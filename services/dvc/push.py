"""What a data set is made of, put into the remote: its images, what people said of more, and the outputs of its jobs as
DVC has recorded them.
"""

from __future__ import annotations

from typing import Literal

from services.dvc.contents import planned_hashes
from services.dvc.data import data_version, folder_version
from services.dvc.remote import Remote, configured_remote, local_store
from services.store.transfer import Progress, transfer
from tocoad.errors import SettingsError
from tocoad.feedback.record import feedback_dir
from tocoad.files.workspace import Workspace

Part = Literal["images", "all"]


def remote_to_push_to(workspace: Workspace) -> Remote:
    """Raises SettingsError where none is configured, or none that we know."""
    if (remote := configured_remote(workspace)) is None:
        raise SettingsError("no remote is configured: tocoad remote set URL")
    return remote


def version_to_push(workspace: Workspace, dataset: str) -> str:
    """The data version. Raises SettingsError where the data set was never brought under DVC."""
    if (version := data_version(workspace, dataset)) is None:
        raise SettingsError(f"data set {dataset!r} is not under DVC here: tocoad data add SOURCE --name {dataset}")
    return version


def push(workspace: Workspace, dataset: str, part: Part, progress: Progress, patience: float) -> None:
    """Puts there what is not there yet; a remote that is away is waited for `patience` seconds in a row.

    Raises:
        SettingsError: there is no remote, or no data set.
        StoreError, StoreAwayError: what was moved stays there.
    """
    remote = remote_to_push_to(workspace).store(patience)
    wanted = {version_to_push(workspace, dataset)}
    if (feedback := folder_version(feedback_dir(workspace, dataset))) is not None:
        wanted.add(feedback)
    if part == "all":
        wanted |= planned_hashes(workspace, dataset)
    transfer(local_store(workspace), remote, wanted, progress)
