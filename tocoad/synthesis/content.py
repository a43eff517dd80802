"""What a defect is filled with: a texture, the image's own pieces, or a piece of this or another normal image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.synthesis.augment import Image, augment, colour_jitter
from tocoad.synthesis.placement import bounding_box, random_pixel

GRID = 8
ATTEMPTS = 8
NEAREST = 1 / 8
ZOOM = (0.7, 1.3)
ZOOM_DEVIATION = 0.5

Mask = NDArray[np.bool_]


def texture_content(rng: np.random.Generator, textures: Image) -> Image:
    """One of `textures` `(T, S, S, 3)`, augmented."""
    return augment(rng, textures[rng.integers(len(textures))])


def structure_content(rng: np.random.Generator, image: Image) -> Image:
    """The image itself, augmented, cut into 8 x 8 tiles and shuffled. The side must be a multiple of 8."""
    cell = image.shape[0] // GRID
    tiles = augment(rng, image).reshape(GRID, cell, GRID, cell, 3).swapaxes(1, 2).reshape(GRID * GRID, cell, cell, 3)
    shuffled = tiles[rng.permutation(GRID * GRID)]
    return shuffled.reshape(GRID, GRID, cell, cell, 3).swapaxes(1, 2).reshape(image.shape)


def copied_content(
    rng: np.random.Generator, source: Image, foreground: Mask | None, mask: Mask, *, zoomed: bool
) -> Image:
    """A piece of `source` from elsewhere than where `mask` is, on the object if there is one, under the whole mask.

    Zoomed by N(1, 0.5) clipped to [0.7, 1.3] (NSA), or in slightly other colours (CutPaste). `(S, S, 3)`, defined only
    within the mask's bounding box and one pixel around it: Poisson blending reads the gradients across the border.
    """
    top, left, height, width = _widened(bounding_box(mask), len(source))
    zoom = float(np.clip(rng.normal(1.0, ZOOM_DEVIATION), *ZOOM)) if zoomed else 1.0
    y, x = _elsewhere(rng, foreground, (top + height // 2, left + width // 2), source.shape[0])
    source_height, source_width = max(1, round(height / zoom)), max(1, round(width / zoom))
    piece = _reflected_crop(source, y - source_height // 2, x - source_width // 2, source_height, source_width)
    if piece.shape[:2] != (height, width):
        piece = np.asarray(cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    if not zoomed:
        piece = colour_jitter(rng, piece)
    layer = np.zeros_like(source)
    layer[top : top + height, left : left + width] = piece
    return layer


def _elsewhere(
    rng: np.random.Generator, foreground: Mask | None, centre: tuple[int, int], size: int
) -> tuple[int, int]:
    """A point at least an eighth of the side away from `centre`: aligned parts look the same in the same place."""
    y = x = 0
    for _ in range(ATTEMPTS):
        y, x = random_pixel(rng, foreground) if foreground is not None else map(int, rng.integers(size, size=2))
        if max(abs(y - centre[0]), abs(x - centre[1])) >= NEAREST * size:
            break
    return y, x


def _widened(box: tuple[int, int, int, int], size: int) -> tuple[int, int, int, int]:
    """The box with one pixel more on every side that has one."""
    top, left, height, width = box
    first_y, first_x = max(0, top - 1), max(0, left - 1)
    return first_y, first_x, min(size, top + height + 1) - first_y, min(size, left + width + 1) - first_x


def _reflected_crop(image: Image, top: int, left: int, height: int, width: int) -> Image:
    rows = _reflected(np.arange(top, top + height), image.shape[0])
    columns = _reflected(np.arange(left, left + width), image.shape[1])
    return image.take(rows, axis=0).take(columns, axis=1)


def _reflected(index: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    folded = index % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded)
