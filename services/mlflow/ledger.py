"""The ledger: every verdict with its figures and every move by hand, a JSON document a line, only ever appended to.

It is the workspace's copy of what counts in the registry's logs of decisions, for reading without a registry.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from tocoad.files.full_disk import full_disk_named
from tocoad.files.replacing import sync
from tocoad.files.sealed import seal, unseal_if_sealed
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.log import Entry, History

_log = logging.getLogger(__name__)

_ID = re.compile(rb'"id": "([^"\n]*)"')
_END = 100


@dataclass
class _Seen:
    """The ids in a ledger's whole lines, of which `size` bytes were read; `end` are the last of these."""

    size: int = 0
    end: bytes = b""
    ids: set[bytes] = field(default_factory=set)


_seen: dict[Path, _Seen] = {}
_lock = Lock()


def ledger_file(workspace: Workspace, dataset: str) -> Path:
    return workspace.root / "work" / dataset / "ledger.jsonl"


def copy(workspace: Workspace, category: Category, history: History) -> None:
    """Adds what the category's log has and the file has not; on return it is on the disk.

    Raises:
        StageError: the disk is full; what could be added was.
    """
    file = ledger_file(workspace, category.dataset)
    known = _ids(file)
    for number, entry in history.counted:
        if entry.id.encode() not in known:
            _append(file, seal(line(category, number, entry), indent=None))


def entries(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """All entries, the oldest first; a damaged line is named in the log and left out, as is one that stands twice."""
    file = ledger_file(workspace, dataset)
    found, ids = [], set()
    for number, line in enumerate(file.read_bytes().split(b"\n") if file.is_file() else (), start=1):
        if line:
            try:
                entry = _entry(line)
            except ValueError:
                _log.warning("%s, line %d: cut or altered, and left out", file, number)
                continue
            if (identity := entry.get("id")) is None or identity not in ids:
                ids.add(identity)
                found.append(entry)
    return found


def verdicts(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """The verdicts alone, the oldest first: the gate's, and what came of those that waited for a person."""
    return [entry for entry in entries(workspace, dataset) if "verdict" in entry]


def before_the_log(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """Of the verdicts those that no log has: given before there was one."""
    return [entry for entry in verdicts(workspace, dataset) if "id" not in entry]


def _ids(file: Path) -> set[bytes]:
    """A thousand categories share the file: it is read once a process, and after that what has come since. What a power
    cut left without its end is no entry, so that the entry is added once more.
    """
    with _lock:
        seen = _seen.setdefault(file, _Seen())
        try:
            stream = file.open("rb")
        except FileNotFoundError:
            return set()
        with stream:
            stream.seek(seen.size - len(seen.end))
            if stream.read(len(seen.end)) != seen.end:  # another file, in the place of the one that was read
                seen = _seen[file] = _Seen()
                stream.seek(0)
            lines = stream.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        seen.ids.update(_ID.findall(lines))
        seen.size, seen.end = seen.size + len(lines), (seen.end + lines)[-_END:]
        return seen.ids


def line(category: Category, number: int, entry: Entry) -> dict[str, Any]:
    """An entry of the log as the ledger has it. `entry` is its number there; a verdict names the champion that it met,
    a move where it led, and a person's answer to a version that waited does both.
    """
    known = {"time": entry.time, "model": category.model_name, "entry": number, "id": entry.id}
    who = {"by": entry.by, "host": entry.host}
    moved = {"action": entry.action, "from": entry.old, "to": entry.new, "reason": entry.reason}
    if entry.decision is not None and entry.subject is not None:
        what = {"version": entry.version, "champion": entry.old, "run_id": entry.run_id, "metrics": entry.metrics}
        what |= entry.decision.model_dump(mode="json") | entry.subject.model_dump()
        return known | what | ({} if entry.action == "judge" else moved) | who
    of = {"package": entry.package, "metrics": entry.metrics, "gate": entry.word}
    before = {"former": entry.former, "taken_down": entry.taken_down} if entry.action == "adopt" else {}
    return known | moved | of | before | who


def _append(file: Path, line: str) -> None:
    """One write, so that two processes never mix lines."""
    with full_disk_named(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _write(descriptor, line.encode())
        finally:
            os.close(descriptor)
        sync(file.parent)


def _write(descriptor: int, line: bytes) -> None:
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
