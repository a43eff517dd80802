"""What killed processes have left lying: most of it goes with the next run, a local Ray's folder stays."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from services.doctor.case import Case
from services.doctor.finding import Finding
from services.ray.folder import PREFIX as RAY_PREFIX
from services.ray.folder import places as ray_places
from tocoad.files.process_lock import is_left
from tocoad.files.temporary import left_folders

_DEPTHS = ("data", "feedback", "work/*", "work/*/*", "work/*/*/*")
_MIB = 2**20
_SHOWN = 3
_STARTING_SECONDS = 120.0


def check(case: Case) -> Iterator[Finding]:
    """In the workspace, and of this user among the temporary files."""
    temporary = Path(tempfile.gettempdir())
    found = [*left_folders(temporary)]
    if case.workspace is not None:
        root = case.workspace.root
        found += [path for depth in _DEPTHS for path in root.glob(f"{depth}/.*.incoming-*") if is_left(path)]
    yield from _told(found, "nothing: the next run that needs their place clears them away")
    of_ray = (path for place in dict.fromkeys(ray_places()) for path in place.glob(f"{RAY_PREFIX}*"))
    unused = [path for path in of_ray if _is_own(path) and not _is_used(path)]
    yield from _told(unused, f"rm -r {' '.join(map(str, unused))}")
    if not found and not unused:
        yield Finding("leftovers", "ok", "no killed process has left a folder")


def _told(paths: list[Path], way_out: str) -> Iterator[Finding]:
    if paths:
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        names = ", ".join(map(str, paths[:_SHOWN])) + more
        text = f"{names}: left by killed processes, {sum(map(_size, paths)) / _MIB:,.0f} MiB"
        yield Finding("leftovers", "warn", text, way_out)


def _is_own(folder: Path) -> bool:
    """Of this user, and not made just now by a Ray that is about to start."""
    try:
        there = folder.lstat()
    except FileNotFoundError:
        return False
    return there.st_uid == os.getuid() and folder.is_dir() and time.time() - there.st_mtime > _STARTING_SECONDS


def _is_used(folder: Path) -> bool:
    """Ray's processes, some of which outlive their driver by a minute, name their folder in their arguments."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if any(folder.name in argument for argument in process.cmdline()):
                return True
    return False


def _size(folder: Path) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, file)).st_size  # noqa: PTH118 - very many of them
    return total
