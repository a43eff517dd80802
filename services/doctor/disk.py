"""Is there room where we write: bytes, and the entries for files, of which a data set takes tens of thousands?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.doctor.case import Case
from services.doctor.finding import Finding, State

_GIB = 2**30
_BYTES: dict[State, int] = {"bad": _GIB, "warn": 5 * _GIB}
_FILES: dict[State, int] = {"bad": 5_000, "warn": 50_000}
_WAY_OUT = "make room: tocoad gc NAME --keep N takes away what only old versions need"


def check(case: Case) -> Iterator[Finding]:
    """One finding for each file system that holds one of the places."""
    by_device: dict[int, list[tuple[str, Path]]] = {}
    for name, place in _places(case):
        there = next(folder for folder in (place, *place.parents) if folder.is_dir())
        if not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                "disk", "bad", f"{name}: {there} may not be written", "give this user the right to write there"
            )
        by_device.setdefault(there.stat().st_dev, []).append((name, there))
    for places in by_device.values():
        yield _room(", ".join(name for name, _ in places), places[0][1])


def _room(names: str, place: Path) -> Finding:
    room = os.statvfs(place)
    # Some file systems have no table of files that could be full.
    return told(names, room.f_bavail * room.f_frsize, room.f_favail if room.f_files else None)


def told(names: str, free: int, files: int | None) -> Finding:
    """So many bytes and entries are free; None where entries are not counted."""
    text = f"{names}: {free / _GIB:.1f} GiB free" + ("" if files is None else f", room for {files:,} files")
    for state in _BYTES:
        if free < _BYTES[state] or (files is not None and files < _FILES[state]):
            return Finding("disk", state, text, _WAY_OUT)
    return Finding("disk", "ok", text)


def _places(case: Case) -> Iterator[tuple[str, Path]]:
    if case.workspace is not None:
        from services.dvc.data import cache_dir

        root = case.workspace.root.resolve()
        yield from ((name, (root / name).resolve()) for name in ("data", "work", ".services"))
        yield "DVC's cache", cache_dir(case.workspace)
    yield "temporary files", Path(tempfile.gettempdir()).absolute()
