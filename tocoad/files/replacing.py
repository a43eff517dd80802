"""Folders and files that appear whole or not at all, also when the power fails: synced, then renamed.

Several processes may replace the same folder at once: each has its own incoming one, locked as long as it is written,
and the last to end wins. What is tidied up are the incoming folders of the dead alone.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from tocoad.files.full_disk import full_disk_named
from tocoad.files.process_lock import is_left, locked

# A journal takes what several threads want synced in one go.
_SYNC_THREADS = 8


@contextmanager
def replacing(
    target: Path, allowed: AbstractContextManager[object] | None = None, *, links_lie_there: bool = False
) -> Iterator[Path]:
    """Yields an empty folder beside `target` that takes its place when the block ends well, and is removed when not.

    A process killed between the two renames leaves the earlier folder as `.NAME.previous`; the next call for the same
    target puts it back first, and clears away what killed calls left. The renames are done within `allowed`, which
    raises where they must not be. With `links_lie_there` files that have another name too are on the disk already, and
    not synced once more.

    Raises:
        StageError: the disk is full; `target` is as it was.
    """
    with discarded(target) as incoming:
        yield incoming
        _sync_tree(incoming, links_lie_there)
        with locked(target.parent), allowed or nullcontext():
            _swap(incoming, target)


@contextmanager
def discarded(target: Path) -> Iterator[Path]:
    """Yields an empty folder beside `target` that is removed when the block ends, or by the next call for the target
    where the process is killed.
    """
    incoming = target.with_name(f".{target.name}.incoming-{secrets.token_hex(4)}")
    try:
        with full_disk_named(target), ExitStack() as stack:
            target.parent.mkdir(parents=True, exist_ok=True)
            with locked(target.parent):
                _tidy(target)
                incoming.mkdir()
                stack.enter_context(locked(incoming))
            yield incoming
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def write_whole(file: Path, content: bytes) -> None:
    """Puts `content` in place of what the file held; a reader, and whoever looks after a crash, sees one of the two.

    Raises:
        StageError: the disk is full; the file is as it was.
    """
    incoming = file.with_name(f".incoming-{secrets.token_hex(4)}")
    try:
        with full_disk_named(file):
            with incoming.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            incoming.replace(file)
            sync(file.parent)
    finally:
        incoming.unlink(missing_ok=True)


@contextmanager
def appearing(file: Path) -> Iterator[Path]:
    """Yields a path beside `file` that takes its place when the block ends well: for what others write, and what can be
    made again, as it is not synced. Its name is short, however long the file's is, and it never leads through a link.

    Raises:
        StageError: the disk is full; the file is as it was.
    """
    incoming = file.with_name(f".incoming-{secrets.token_hex(4)}")
    try:
        with full_disk_named(file):
            yield incoming
            incoming.replace(file)
    finally:
        incoming.unlink(missing_ok=True)


def recover(target: Path) -> None:
    """Puts back what a process killed between the two renames had taken away, and clears what killed ones left."""
    if target.parent.is_dir():
        with locked(target.parent):
            _tidy(target)


def _tidy(target: Path) -> None:
    """With the lock of the parent folder, without which another might be between its two renames."""
    previous = _previous(target)
    if previous.exists() and not target.exists():
        previous.rename(target)
    shutil.rmtree(previous, ignore_errors=True)
    for left in target.parent.glob(f".{target.name}.incoming-*"):
        if is_left(left):
            shutil.rmtree(left, ignore_errors=True)


def sync(path: Path | str) -> None:
    """Returns when the file, or the folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no sync of a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path, links_lie_there: bool) -> None:
    names = [str(folder), *_to_sync(str(folder), links_lie_there)]
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        # Not one by one where they are many: to hand a small file to a thread takes as long as to sync it.
        size = max(1, len(names) // (8 * _SYNC_THREADS))
        for _ in pool.map(_sync_all, (names[start : start + size] for start in range(0, len(names), size))):
            pass


def _sync_all(names: Sequence[str]) -> None:
    for name in names:
        sync(name)


def _to_sync(folder: str, links_lie_there: bool) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.path
                yield from _to_sync(entry.path, links_lie_there)
            elif not entry.is_symlink() and not (links_lie_there and entry.stat().st_nlink > 1):
                yield entry.path


def _swap(incoming: Path, target: Path) -> None:
    previous = _previous(target)
    replaced = target.exists()
    if replaced:
        target.rename(previous)
    try:
        incoming.rename(target)
    except OSError:
        if replaced:
            previous.rename(target)
        raise
    sync(target.parent)
    shutil.rmtree(previous, ignore_errors=True)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")
