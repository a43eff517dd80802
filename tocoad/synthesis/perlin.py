"""Perlin masks (DRAEM), one per image or two combined (methods.md: synthetic anomalies).

The noise is separable: with `w(i, y)` the faded weight of lattice row `i` at pixel row `y` and `d(i, y)` its distance,
`noise = sum_ij w(i, y) w(j, x) (gy_ij d(i, y) + gx_ij d(j, x))`. So it is two small matrix products over ramps that
depend on the lattice only, instead of a gradient gathered at every pixel.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_EXPONENT = 5
SMALLEST_CELL = 4
THRESHOLD = 0.5
LARGEST_ROTATION = 90.0

Floats = NDArray[np.float32]


def perlin_noise(angles: Floats, size: int) -> Floats:
    """Noise `(size, size)` in about [-1, 1] of a lattice whose gradient at node (i, j) is (cos, sin) along (y, x).

    `angles` is `(rows + 1, columns + 1)` in radians for `rows x columns` cells.
    """
    weight_y, reach_y = _ramps(angles.shape[0] - 1, size)
    weight_x, reach_x = _ramps(angles.shape[1] - 1, size)
    gradient_y, gradient_x = np.cos(angles, dtype=np.float32), np.sin(angles, dtype=np.float32)
    left = np.hstack((reach_y @ gradient_y, weight_y @ gradient_x)) * np.float32(np.sqrt(2.0))
    return np.asarray(left @ np.hstack((weight_x, reach_x)).T)


def perlin_mask(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """Noise of 2^a x 2^b cells, turned by up to 90 degrees, above 0.5. May be empty. `(size, size)`."""
    largest = min(LARGEST_EXPONENT, (size // SMALLEST_CELL).bit_length() - 1)
    rows, columns = 2 ** rng.integers(0, largest + 1, size=2)
    noise = perlin_noise(rng.uniform(0.0, 2.0 * np.pi, (rows + 1, columns + 1)).astype(np.float32), size)
    # Reflected, not filled with zeros: otherwise the corners would seldom hold an anomaly. Padding first and then
    # turning without a border rule is twice as fast as the border rule itself.
    border = size // 4
    padded = cv2.copyMakeBorder(noise, *(border,) * 4, cv2.BORDER_REFLECT_101)
    centre = (size - 1) / 2.0
    rotation = cv2.getRotationMatrix2D((centre + border,) * 2, rng.uniform(-LARGEST_ROTATION, LARGEST_ROTATION), 1.0)
    rotation[:, 2] -= border
    turned = cv2.warpAffine(padded, rotation, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(turned > THRESHOLD)


def two_perlin_mask(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """Union, intersection or the first alone of two Perlin masks, a third each. `(size, size)`."""
    kind = rng.integers(3)
    first = perlin_mask(rng, size)
    if kind == 0:
        return first
    second = perlin_mask(rng, size)
    return first | second if kind == 1 else first & second


@lru_cache(maxsize=64)
def _ramps(cells: int, size: int) -> tuple[Floats, Floats]:
    """Weight of each lattice line at each pixel, and weight times distance in cells; both `(size, cells + 1)`."""
    position = np.arange(size) * (cells / size)
    cell = np.floor(position).astype(np.intp)
    t = position - cell
    fade = t**3 * (t * (6.0 * t - 15.0) + 10.0)
    pixels = np.arange(size)
    weight = np.zeros((size, cells + 1))
    weight[pixels, cell] = 1.0 - fade
    weight[pixels, cell + 1] = fade
    reach = weight * (position[:, None] - np.arange(cells + 1))
    ramps = weight.astype(np.float32), reach.astype(np.float32)
    for ramp in ramps:
        ramp.setflags(write=False)
    return ramps
