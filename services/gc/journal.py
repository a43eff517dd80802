"""What a tidying-up was about to remove, or left for others: once a listing is gone nobody else knows its files."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Workspace


def read_journal(workspace: Workspace, dataset: str) -> set[str]:
    """What earlier ones may have left: candidates, like what old versions name. None where it cannot be read."""
    file = _file(workspace, dataset)
    try:
        return set(map(str, json.loads(file.read_bytes()))) if file.is_file() else set()
    except (ValueError, TypeError):
        return set()


def write_journal(workspace: Workspace, dataset: str, objects: Collection[str]) -> None:
    """Before the first of them goes."""
    file = _file(workspace, dataset)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(sorted(objects)).encode())


def clear_journal(workspace: Workspace, dataset: str) -> None:
    """When all are gone."""
    _file(workspace, dataset).unlink(missing_ok=True)


def _file(workspace: Workspace, dataset: str) -> Path:
    return workspace.services_dir / "gc" / f"{dataset}.json"
