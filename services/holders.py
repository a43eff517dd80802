"""Who holds a run of Prefect or MLflow open: a process, known by a lock that ends with it.

A process that opens runs holds a lock on a file of its own in the workspace, and its runs carry the file's name. Of a
process on another machine, or of another workspace, there is no file here, and so no proof that it is dead: whoever has
the file judges it.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from tocoad.files.process_lock import is_free, lock_new_file

# These names are older than the word "holder": runs that earlier versions left open carry them.
HOLDER_TAG = "tocoad.owner"
_FOLDER = "owners"
# Dead holders are remembered for a while: a server that is away today may still have runs of theirs tomorrow.
_REMEMBERED_SECONDS = 7 * 24 * 3600

# The descriptors hold the locks until this process ends.
_held: dict[Path, tuple[int, str]] = {}


def own_tag(services_dir: Path) -> str | None:
    """What the runs of this process carry in this workspace; the lock is taken at the first call.

    None where the file system can't lock or write: such runs are left to a person.
    """
    folder = services_dir.resolve() / _FOLDER
    if folder not in _held:
        name = uuid.uuid4().hex
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = lock_new_file(folder / name)
        except OSError:
            return None
        _held[folder] = descriptor, _tag(name, os.fstat(descriptor).st_ino)
    return _held[folder][1]


def holders(services_dir: Path) -> dict[str, bool]:
    """The tags of this workspace's holders, and whether they live."""
    files = _files(services_dir)
    return {_tag(file.name, file.stat().st_ino): not is_free(file) for file in files}


def forget_long_dead(services_dir: Path) -> None:
    """Call it when the runs of the dead are closed."""
    for file in _files(services_dir):
        if time.time() - file.stat().st_mtime > _REMEMBERED_SECONDS and is_free(file):
            file.unlink(missing_ok=True)


def _files(services_dir: Path) -> list[Path]:
    return list((services_dir.resolve() / _FOLDER).glob("[!.]*"))


def _tag(name: str, inode: int) -> str:
    """With the file's inode: in a copy of the workspace the same name is another file, which proves nothing."""
    return f"owner-{name}-{inode}"
