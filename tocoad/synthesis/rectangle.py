"""CutPaste's rectangle: 2-15 % of the area, lying or standing (methods.md: synthetic anomalies)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AREA = (0.02, 0.15)
NARROW = (0.3, 1.0)
WIDE = (1.0, 3.3)


def rectangle_mask(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """A filled rectangle wholly inside the image. `(size, size)`."""
    area = rng.uniform(*AREA) * size * size
    aspect = rng.uniform(*(NARROW if rng.random() < 0.5 else WIDE))
    height = min(size, max(1, round(float(np.sqrt(area / aspect)))))
    width = min(size, max(1, round(float(np.sqrt(area * aspect)))))
    top = rng.integers(size - height + 1)
    left = rng.integers(size - width + 1)
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask
