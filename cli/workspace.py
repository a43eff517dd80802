"""The workspace that a command works in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocoad.files.workspace import Workspace


def current_workspace() -> Workspace:
    """The nearest folder, from here upwards, that holds `params.yaml` and `dvc.yaml`.

    Raises:
        SettingsError: there is none.
    """
    from tocoad.errors import SettingsError

    workspace = workspace_here()
    if workspace is None:
        raise SettingsError(
            f"{Path.cwd()} is not in a workspace (params.yaml, dvc.yaml): change to one, or make one: tocoad init DIR"
        )
    return workspace


def workspace_here() -> Workspace | None:
    """The same, or None where there is none."""
    from tocoad.files.workspace import Workspace

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return Workspace(folder)
    return None
