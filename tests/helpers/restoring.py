"""What was recorded of the data set `tiny` in two nights, and the way back to it."""

from __future__ import annotations

from pathlib import Path

from dvc.repo import Repo

from services.restoring.restore import Restored, restore
from services.restoring.states import State, present_state, state_at
from services.restoring.unrecorded import recorded_here
from tests.helpers.nights import clone, contents, git
from tocoad.files.workspace import Workspace
from tocoad.stages.stage import silent

FIRST = {"gear/train/good/0.png": "gear", "gear/test/good/1.png": "gear 1", "plate/train/good/0.png": "plate"}
FIRST_NIGHT = "origin/main^{/the first night}"
SECOND = {"gear/train/good/2.png": "gear 2", "plate/train/good/0.png": "another plate"}


def bring_back(workspace: Workspace, state: State | None = None, force: bool = False) -> Restored:
    state = state or present_state(workspace, "tiny")
    return restore(workspace, state, recorded_here(workspace), force, silent, 0)


def at(workspace: Workspace, rev: str, scratch: Path, dataset: str = "tiny") -> State:
    folder = scratch / f"documents of {rev}"
    folder.mkdir(exist_ok=True)
    return state_at(workspace, dataset, rev, folder)


def first_night(there: Workspace, tmp_path: Path) -> dict[str, bytes]:
    """As it was, by a checkout and plain `dvc pull`."""
    workspace = clone(there, tmp_path / "then")
    git(workspace.root, "checkout", "-q", FIRST_NIGHT)
    with Repo(str(workspace.root)) as repo:
        repo.pull()
    return contents(workspace, "tiny")


def snapshot(workspace: Workspace) -> dict[str, bytes]:
    kept = [workspace.root / name for name in ("data", "work", "params.yaml", "plan.yaml", "dvc.lock", "dvc.yaml")]
    files = [file for place in kept for file in (place, *place.rglob("*")) if file.is_file()]
    return {file.relative_to(workspace.root).as_posix(): file.read_bytes() for file in files}
