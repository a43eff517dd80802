"""What dvc.lock names: the objects that the outputs of a data set's jobs consist of.

Read without DVC's lock: the file is replaced in one step.
"""

from __future__ import annotations

from dvc.dvcfile import Lockfile
from dvc.utils.serialize import load_yaml

from services.dvc import lockfile
from services.dvc.calls import told
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params
from tocoad.stages.graph import jobs_of


def output_hashes(workspace: Workspace, dataset: str) -> dict[str, set[str]]:
    """By stage (`stage1@sample/gear`) those of its outputs, files and folders (`.dir`), as dvc.lock has them; of the
    data set's stages alone.
    """
    root = workspace.root
    with told(root):
        blocks = lockfile.read_blocks(root)
        picked = {name: text for name, text in (blocks or {}).items() if _belongs(name, dataset)}
        entries = lockfile.parse(picked) if blocks is not None else None
        if entries is None:
            whole = Lockfile.SCHEMA(load_yaml(str(root / "dvc.lock")))["stages"]
            entries = {name: entry for name, entry in whole.items() if _belongs(name, dataset)}
    return {name: {out["md5"] for out in entry.get("outs", ()) if "md5" in out} for name, entry in entries.items()}


def planned_hashes(workspace: Workspace, dataset: str) -> set[str]:
    """Of the recorded outputs of those jobs that the plan has: what was recorded of others DVC may have let go of."""
    plan = load_params(workspace).plan
    categories = [category for category in map(Category.parse, plan.categories) if category.dataset == dataset]
    chains = (jobs_of(category, plan.method(category)) for category in categories)
    names = {job.dvc_name for chain in chains for job in chain}
    recorded = output_hashes(workspace, dataset)
    return set().union(*(hashes for name, hashes in recorded.items() if name in names))


def _belongs(stage: str, dataset: str) -> bool:
    return stage.partition("@")[2].partition("/")[0] == dataset
