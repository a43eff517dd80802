"""By what a file is taken for unchanged, as by DVC: its size, its time and its inode."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[int, int, int]


def stamp(file: Path | str) -> Stamp:
    """Of what a link leads to. Raises OSError."""
    found = os.stat(file)  # noqa: PTH116  (a data set has many thousands)
    return found.st_size, found.st_mtime_ns, found.st_ino
