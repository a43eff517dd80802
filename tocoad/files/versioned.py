"""The folders of a workspace whose contents DVC keeps: nothing else is put there."""

from __future__ import annotations

from pathlib import Path

from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace


def refuse_versioned(out: Path, workspace: Workspace | None) -> None:
    """An overlay below `train/good` would be a part to learn from, and a file in an output makes its stage stale.

    Raises:
        SettingsError: `out` is there.
    """
    for kept in ("data", "work"):
        if workspace and out.resolve().is_relative_to((workspace.root / kept).resolve()):
            raise SettingsError(f"{out}: in {kept}/, whose contents DVC keeps; give another folder with --out")
