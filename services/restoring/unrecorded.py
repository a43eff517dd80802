"""What a restore would take away for good: settings and data that are recorded nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from services.git import history
from tocoad.errors import TocoadError, UserError
from tocoad.files.fingerprint import file_digest, folder_digest
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Workspace
from tocoad.stages.running import RECORD_FILE, read_record

if TYPE_CHECKING:
    from services.addresses import Services

IsRecorded = Callable[[str], bool]
"""Of a document, by its path below the workspace: whether it can be had again as it lies there now."""

_RESTORED = "restored.json"


class UnrecordedError(UserError):
    """It would be lost; nothing was changed."""


def recorded_here(workspace: Workspace) -> IsRecorded:
    """In a commit of git, or as an earlier restore has put it there."""

    def is_recorded(name: str) -> bool:
        digest = file_digest(workspace.root / name)
        return _restored(workspace).get(name) == digest or history.is_committed(workspace.root, name)

    return is_recorded


def recorded_somewhere(workspace: Workspace, services: Services) -> IsRecorded:
    """The same, or in the record of a night."""
    is_recorded_here = recorded_here(workspace)

    def is_in_mlflow(name: str) -> bool:
        from services.mlflow.nights import is_in_a_night
        from services.mlflow.tracking import Tracking

        try:
            return is_in_a_night(Tracking(services).client, name, workspace.root / name)
        except TocoadError:
            return False

    return lambda name: is_recorded_here(name) or is_in_mlflow(name)


def remember_restored(workspace: Workspace, name: str) -> None:
    """What lies there now was put there by a restore, which can do it again."""
    known = {**_restored(workspace), name: file_digest(workspace.root / name)}
    write_whole(workspace.services_dir / _RESTORED, json.dumps(known, indent=1).encode())


def is_unrecorded_work(folder: Path) -> bool:
    """Whether a stage's output folder is as the stage left it: what DVC has recorded may be so too."""
    record = read_record(folder)
    return record is not None and record.wrote is not None and record.wrote == folder_digest(folder, RECORD_FILE)


def _restored(workspace: Workspace) -> dict[str, str]:
    try:
        found = json.loads((workspace.services_dir / _RESTORED).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
