"""Arrays too large for memory, kept in files that nobody sees and that are gone with the process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from tocoad.errors import StageError


def scratch_array(shape: tuple[int, ...], dtype: np.dtype, folder: Path, needed_by: str, way_out: str) -> np.memmap:
    """A memory map of a nameless file in `folder`, which is made; its space is reserved: a full disk must not kill the
    process later.

    The system keeps in memory what fits and writes out the rest; the file goes with the last array that refers to it.

    Raises:
        StageError: there is no room; `needed_by` and `way_out` are parts of its line.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            need = f"{needed_by} needs {size / 2**20:.0f} MiB in {folder}"
            raise StageError(f"{need}: {error.strerror}; make room or {way_out}") from error
        return np.memmap(file, dtype, "r+", shape=shape)
