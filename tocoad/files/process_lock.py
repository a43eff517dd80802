"""A lock on a file or folder that ends with its process, however that ends (kill -9, a power cut), and never before.

What can be locked is the proof that its process is dead. A process id proves less: it comes again, after a restart of
the machine or in another container. Programs that a process starts do not inherit its locks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Where a file system has no locks, what came to this age is taken for a dead process's.
_LEFT_SECONDS = 7 * 24 * 3600
# What a file system answers that has no locks, or none for folders.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EINVAL)


def lock_new_file(file: Path, content: bytes = b"") -> int:
    """The file has its name only once it is locked, so that nobody sees one of the living without a lock.

    Returns the descriptor that holds the lock until it is closed.

    Raises:
        OSError: the file system can't lock or write.
    """
    unlocked = file.with_name(f".{secrets.token_hex(16)}")
    descriptor = os.open(unlocked, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        unlocked.rename(file)
    except OSError:
        os.close(descriptor)
        unlocked.unlink(missing_ok=True)
        raise
    return descriptor


def is_free(path: Path, unknown: bool = False) -> bool:
    """Whether the file or folder is there and no process holds its lock; `unknown` where the file system has none."""
    try:
        descriptor = _opened(path)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        return unknown and has_no_locks(error)
    finally:
        os.close(descriptor)


def is_left(path: Path) -> bool:
    """Whether what its process keeps locked has outlived it. What goes away meanwhile has not."""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    return is_free(path, unknown=age > _LEFT_SECONDS)


@contextmanager
def locked(path: Path, shared: bool = False) -> Iterator[None]:
    """Waits for the lock and holds it in the block. Where the file system has none, the block simply runs."""
    descriptor = _opened(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError as error:
            if not has_no_locks(error):
                raise
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    # A network file system locks a file only for who has it open for writing; another user may only read it.
    if not path.is_dir():
        with suppress(PermissionError):
            return os.open(path, os.O_RDWR)
    return os.open(path, os.O_RDONLY)


def has_no_locks(error: OSError) -> bool:
    """Whether the file system could not lock for want of locks, and not because another holds one."""
    return error.errno in _NO_LOCKS
