"""The ledger: every verdict with its figures and every move by hand, a JSON document a line, only ever appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocoad.workspace import Workspace


def ledger_file(workspace: Workspace, dataset: str) -> Path:
    return workspace.root / "work" / dataset / "ledger.jsonl"


def append(workspace: Workspace, dataset: str, entry: Mapping[str, Any]) -> None:
    """Adds the entry with the time; on return it is on the disk. One write, so that two processes never mix lines."""
    file = ledger_file(workspace, dataset)
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}) + "\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def entries(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """All entries, the oldest first."""
    file = ledger_file(workspace, dataset)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def verdicts(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """The gate's entries alone, the oldest first."""
    return [entry for entry in entries(workspace, dataset) if "verdict" in entry]
