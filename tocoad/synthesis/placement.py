"""Keeping a defect on the object: a patch is moved there, any other mask is cut to it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ATTEMPTS = 8
SMALLEST_OVERLAP = 0.5

Mask = NDArray[np.bool_]


def place(rng: np.random.Generator, mask: Mask, foreground: Mask) -> Mask:
    """`mask` moved so that its centre is on the object and at least half of it as well.

    Where no such place is found in a few draws (a thin object, a large patch), the last one is cut to the object.
    """
    moved = mask
    for _ in range(ATTEMPTS):
        moved = centre_on(mask, *random_pixel(rng, foreground))
        if np.count_nonzero(moved & foreground) >= SMALLEST_OVERLAP * np.count_nonzero(moved):
            return moved
    return moved & foreground


def random_pixel(rng: np.random.Generator, region: Mask) -> tuple[int, int]:
    """Row and column of a pixel of `region`, which must not be empty."""
    pixels = np.flatnonzero(region)
    y, x = divmod(int(pixels[rng.integers(len(pixels))]), region.shape[1])
    return y, x


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """Top, left, height and width; all 0 for an empty mask."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return y, x, height, width


def centre_on(mask: Mask, y: int, x: int) -> Mask:
    """The mask's bounding box moved to have its centre at (y, x); what leaves the image is cut off."""
    top, left, height, width = bounding_box(mask)
    size_y, size_x = mask.shape
    down, across = y - height // 2 - top, x - width // 2 - left
    moved = np.zeros_like(mask)
    first_y, last_y = max(0, top + down), min(size_y, top + down + height)
    first_x, last_x = max(0, left + across), min(size_x, left + across + width)
    moved[first_y:last_y, first_x:last_x] = mask[first_y - down : last_y - down, first_x - across : last_x - across]
    return moved
