"""A detector's raw maps, kept in an unnamed temporary file rather than in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tocoad.files.scratch import scratch_array


class MapStore:
    """`count` maps (size, size) float32 in a file that nobody sees in `folder`."""

    def __init__(self, count: int, size: int, folder: Path) -> None:
        """Raises StageError where `folder` has no room for all of them."""
        # An empty test split is no error here, but nothing can be mapped then.
        shape = (max(count, 1), size, size)
        self._maps = scratch_array(
            shape, np.dtype(np.float32), folder, f"evaluating {count} images", "choose a smaller image.size"
        )

    def put(self, index: int, anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keeps the map and returns it as it lies in the file, read-only."""
        self._maps[index] = anomaly_map
        kept: NDArray[np.float32] = np.asarray(self._maps[index])
        kept.flags.writeable = False
        return kept
