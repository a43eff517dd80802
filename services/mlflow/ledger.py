"""The ledger: every verdict with its figures and every move by hand, a JSON document a line, only ever appended to."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocoad.files.full_disk import full_disk_named
from tocoad.files.replacing import sync
from tocoad.files.sealed import seal, unseal_if_sealed
from tocoad.files.workspace import Workspace

_log = logging.getLogger(__name__)


def ledger_file(workspace: Workspace, dataset: str) -> Path:
    return workspace.root / "work" / dataset / "ledger.jsonl"


def append(workspace: Workspace, dataset: str, entry: Mapping[str, Any]) -> None:
    """Adds the entry with the time; on return it is on the disk. One write, so that two processes never mix lines.

    Raises:
        StageError: the disk is full; nothing was added.
    """
    file = ledger_file(workspace, dataset)
    line = seal({"time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}, indent=None)
    with full_disk_named(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _append(descriptor, line.encode())
        finally:
            os.close(descriptor)
        sync(file.parent)


def entries(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """All entries, the oldest first; a damaged line is named in the log and left out."""
    file = ledger_file(workspace, dataset)
    found = []
    for number, line in enumerate(file.read_bytes().split(b"\n") if file.is_file() else (), start=1):
        if line:
            try:
                found.append(_entry(line))
            except ValueError:
                _log.warning("%s, line %d: cut or altered, and left out; what it said is lost", file, number)
    return found


def verdicts(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """The gate's entries alone, the oldest first."""
    return [entry for entry in entries(workspace, dataset) if "verdict" in entry]


def _append(descriptor: int, line: bytes) -> None:
    """As a line of its own, also after one that a power cut left without its end."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    written = os.write(descriptor, line)
    if written < len(line):
        if os.fstat(descriptor).st_size == size + written:  # nobody has added anything since
            os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _entry(line: bytes) -> dict[str, Any]:
    """Raises ValueError."""
    entry = unseal_if_sealed(line)
    if not isinstance(entry.get("model"), str):
        raise ValueError("not an entry")
    return entry
