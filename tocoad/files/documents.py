"""The small files that say which state a workspace is in: with the objects that they name by their hashes, all of it
can be had again.
"""

from __future__ import annotations

from pathlib import Path

from tocoad.files.workspace import Workspace

PARAMS, PLAN, STAGES, LOCK = "params.yaml", "plan.yaml", "dvc.yaml", "dvc.lock"
TRACKED = ("data", "feedback")
"""What a data set has under DVC: `data/NAME`, and `feedback/NAME` where people said something of it."""


def tracked_file(kind: str, dataset: str) -> str:
    """What names the version of one of the two, as a path below the workspace."""
    return f"{kind}/{dataset}.dvc"


def documents(workspace: Workspace) -> dict[str, Path]:
    """Those that are there, by their paths below the workspace, in a fixed order."""
    root = workspace.root
    named = {name: root / name for name in (PARAMS, PLAN, STAGES, LOCK)}
    for kind in TRACKED:
        named |= {tracked_file(kind, file.stem): file for file in sorted((root / kind).glob("*.dvc"))}
    return {name: file for name, file in named.items() if file.is_file()}
