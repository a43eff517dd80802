"""The small files that say which state a workspace is in: with the objects that they name by their hashes, all of it
can be had again.
"""

from __future__ import annotations

from pathlib import Path

from tocoad.files.workspace import Workspace

PARAMS, PLAN, STAGES, LOCK = "params.yaml", "plan.yaml", "dvc.yaml", "dvc.lock"


def data_file(dataset: str) -> str:
    """What names a data set's version, as a path below the workspace."""
    return f"data/{dataset}.dvc"


def documents(workspace: Workspace) -> dict[str, Path]:
    """Those that are there, by their paths below the workspace, in a fixed order."""
    root = workspace.root
    named = {name: root / name for name in (PARAMS, PLAN, STAGES, LOCK)}
    named |= {data_file(file.stem): file for file in sorted((root / "data").glob("*.dvc"))}
    named |= {f"feedback/{file.name}": file for file in sorted((root / "feedback").glob("*.dvc"))}
    return {name: file for name, file in named.items() if file.is_file()}
