"""Who owns a run of Prefect or MLflow: a process, known by a lock that ends with it.

A process that opens runs holds a lock on a file of its own in the workspace, and its runs carry the file's name. The
kernel lets go of the lock when the process ends, however it ends (kill -9, a power cut), and never before: a lock that
can be taken is the proof that its owner is dead. A process id proves less: it comes again, after a restart of the
machine or in another container. Of a process on another machine, or of another workspace, there is no file here, and so
no proof: whoever has the file judges it.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

OWNER_TAG = "tocoad.owner"

_FOLDER = "owners"
# Dead owners are remembered for a while: a server that is away today may still have runs of theirs tomorrow.
_REMEMBERED_SECONDS = 7 * 24 * 3600

# The descriptors hold the locks until this process ends; they are not inherited by programs that it starts.
_held: dict[Path, tuple[int, str]] = {}


def own_tag(services_dir: Path) -> str | None:
    """What the runs of this process carry in this workspace; the lock is taken at the first call.

    None where the file system can't lock or write: such runs are left to a person.
    """
    folder = services_dir.resolve() / _FOLDER
    if folder not in _held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _held[folder] = _lock_new_file(folder)
        except OSError:
            return None
    return _held[folder][1]


def owners(services_dir: Path) -> dict[str, bool]:
    """The tags of this workspace's owners, and whether they live."""
    files = _files(services_dir)
    return {_tag(file.name, file.stat().st_ino): not _can_be_locked(file) for file in files}


def forget_long_dead(services_dir: Path) -> None:
    """Call it when the runs of the dead are closed."""
    for file in _files(services_dir):
        if time.time() - file.stat().st_mtime > _REMEMBERED_SECONDS and _can_be_locked(file):
            file.unlink(missing_ok=True)


def _files(services_dir: Path) -> list[Path]:
    return list((services_dir.resolve() / _FOLDER).glob("[!.]*"))


def _lock_new_file(folder: Path) -> tuple[int, str]:
    """The file has its name only once it is locked, so that nobody sees a living owner without a lock."""
    name = uuid.uuid4().hex
    unlocked = folder / f".{name}"
    descriptor = os.open(unlocked, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unlocked.rename(folder / name)
    except OSError:
        os.close(descriptor)
        unlocked.unlink(missing_ok=True)
        raise
    return descriptor, _tag(name, os.fstat(descriptor).st_ino)


def _tag(name: str, inode: int) -> str:
    """With the file's inode: in a copy of the workspace the same name is another file, which proves nothing."""
    return f"owner-{name}-{inode}"


def _can_be_locked(file: Path) -> bool:
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(descriptor)
    return False
