"""NSA's patch: a rectangle whose half-widths follow a shifted Gamma distribution (methods.md: synthetic anomalies)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPE = 2.0
SCALE = 0.05
SHORTEST = 0.03
MOST_PATCHES = 4


def nsa_mask(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """One patch, cut off where it leaves the image; half-widths Gamma(2, 0.05) + 0.03 of the side. `(size, size)`."""
    half_height, half_width = (rng.gamma(SHAPE, SCALE, size=2) + SHORTEST) * size
    y, x = rng.uniform(0.0, size, size=2)
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[_span(y, half_height), _span(x, half_width)] = True
    return mask


def patch_count(rng: np.random.Generator) -> int:
    """One patch always, each of three more with probability 1/2."""
    return 1 + int(rng.binomial(MOST_PATCHES - 1, 0.5))


def _span(centre: float, half: float) -> slice:
    return slice(max(0, round(centre - half)), max(1, round(centre + half)))
