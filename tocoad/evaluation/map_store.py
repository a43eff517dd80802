"""A detector's raw maps, kept in an unnamed temporary file rather than in memory."""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray


class MapStore:
    """`count` maps (size, size) float32. The system keeps in memory what fits and writes out the rest; the file is gone
    with the last map that refers to it.
    """

    def __init__(self, count: int, size: int) -> None:
        with tempfile.TemporaryFile() as file:
            # An empty test split is no error here, but nothing can be mapped then.
            self._maps = np.memmap(file, dtype=np.float32, mode="w+", shape=(max(count, 1), size, size))

    def put(self, index: int, anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keeps the map and returns it as it lies in the file, read-only."""
        self._maps[index] = anomaly_map
        kept: NDArray[np.float32] = np.asarray(self._maps[index])
        kept.flags.writeable = False
        return kept
