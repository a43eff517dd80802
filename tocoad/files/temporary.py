"""Folders that are needed for a while, where the system keeps temporary files. One that a killed process has left goes
when the next process needs one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from tocoad.files.process_lock import has_no_locks, is_left

_PREFIX = "tocoad."


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """An empty folder, which is gone after the block. `purpose` is a part of its name, for who finds it."""
    place = Path(tempfile.gettempdir())
    _sweep(place)
    # It has the name that is looked for only once it is locked, so that nobody takes it for a dead process's.
    unlocked = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}{purpose}.", dir=place))
    descriptor = os.open(unlocked, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not has_no_locks(error):
                raise
        folder = unlocked.rename(unlocked.with_name(unlocked.name[1:]))
        try:
            # Whoever replaces something takes the lock of the folder that it lies in: of this one he would not get it.
            inner = folder / "files"
            inner.mkdir()
            yield inner
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def left_folders(place: Path) -> Iterator[Path]:
    """Those that killed processes of this user have left there. Another user's are his."""
    for entry in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            is_own = entry.lstat().st_uid == os.getuid() and not entry.is_symlink()
            if is_own and entry.is_dir() and is_left(entry):
                yield entry


@cache
def _sweep(place: Path) -> None:
    """Once a process."""
    for folder in left_folders(place):
        shutil.rmtree(folder, ignore_errors=True)
