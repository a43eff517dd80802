"""The workspace that a command works in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocoad.workspace import Workspace


def current_workspace() -> Workspace:
    """The nearest folder, from here upwards, that holds `params.yaml` and `dvc.yaml`.

    Raises:
        SettingsError: there is none.
    """
    from tocoad.config import SettingsError
    from tocoad.workspace import Workspace

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return Workspace(folder)
    raise SettingsError(f"{here} is not in a workspace: change to a checkout of the project (params.yaml, dvc.yaml)")
