"""CutPaste's scar: a thin, turned rectangle (methods.md: synthetic anomalies)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH = (2.0, 16.0)
LENGTH = (10.0, 25.0)
REFERENCE_SIZE = 256
LARGEST_ROTATION = np.pi / 4.0


def scar_mask(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """2-16 x 10-25 pixels at 256, in proportion at other sizes, turned by up to 45 degrees. `(size, size)`."""
    scale = size / REFERENCE_SIZE
    width = max(1.0, rng.uniform(*WIDTH) * scale)
    length = max(2.0, rng.uniform(*LENGTH) * scale)
    angle = rng.uniform(-LARGEST_ROTATION, LARGEST_ROTATION)
    margin = float(np.hypot(width, length)) / 2.0
    y, x = rng.uniform(margin, size - 1 - margin, size=2)
    down = (np.arange(size) - y)[:, None]
    across = (np.arange(size) - x)[None, :]
    along = np.abs(down * np.cos(angle) + across * np.sin(angle))
    aside = np.abs(across * np.cos(angle) - down * np.sin(angle))
    return np.asarray((along <= length / 2.0) & (aside <= width / 2.0))
