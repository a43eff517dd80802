"""A full disk, in whatever words a library says it, as one line that names what could not be written."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocoad.errors import StageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# safetensors raises an error of its own, with the number in its text.
_IN_TEXT = tuple(f"os error {number})" for number in _FULL)
# numpy and Pillow tell only that less was written than was meant.
_NOTHING_LEFT = 2**16


@contextmanager
def full_disk_named(target: Path) -> Iterator[None]:
    """For a block that writes `target`, or into it.

    Raises:
        StageError: in place of what the block raised because its disk, or the user's share of it, is full.
    """
    try:
        yield
    except StageError:
        raise
    except Exception as error:
        if not _is_full(error, target):
            raise
        where, reason = (error.filename, error.strerror) if isinstance(error, OSError) else (None, None)
        text = reason or " ".join(str(error).split())
        raise StageError(
            f"{where or target}: no room on its disk ({text}); make room, then run the same again"
        ) from error


def _is_full(error: Exception, target: Path) -> bool:
    if (isinstance(error, OSError) and error.errno in _FULL) or str(error).endswith(_IN_TEXT):
        return True
    there = next(folder for folder in (target, *target.parents) if folder.exists())
    return isinstance(error, OSError) and error.errno is None and shutil.disk_usage(there).free < _NOTHING_LEFT
