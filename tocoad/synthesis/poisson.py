"""Poisson image editing (Perez et al. 2003): a piece is fitted in by its gradients, exact at the mask's own border.

With `f` the image and `v` the guidance, the correction `w` solves `4 w_p - sum_q w_q = sum_q (v_pq - (f_p - f_q))`
over the masked pixels, zero outside. OpenCV's `seamlessClone` solves over the bounding box of an eroded mask instead,
and so changes the image around every mask that is not a rectangle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dstn, idstn
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from tocoad.synthesis.augment import Image
from tocoad.synthesis.placement import Mask, bounding_box

Floats = NDArray[np.float64]


def poisson_blend(image: Image, content: Image, mask: Mask, *, mixed: bool) -> Image:
    """`content` blended into `image` under `mask`; nothing changes outside of it, nor in the image's outermost pixels.

    `mixed` keeps the stronger of the two gradients (for textures), else it is the content's (for objects).
    """
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[1:-1, 1:-1]
    top, left, height, width = bounding_box(inner)
    if height == 0:
        return image.copy()
    # One pixel more on every side: the fixed border values.
    box = np.s_[top - 1 : top + height + 1, left - 1 : left + width + 1]
    region = inner[box][1:-1, 1:-1]
    right_side = _divergence(image[box].astype(np.float64), content[box].astype(np.float64), mixed=mixed)
    solve = solve_rectangle if region.all() else solve_region
    correction = solve(right_side, region)
    blended = image.copy()
    target = blended[box][1:-1, 1:-1]
    target[:] = np.clip(np.rint(target + correction), 0, 255)
    return blended


def solve_rectangle(right_side: Floats, region: Mask) -> Floats:
    """All of the box `(H, W, C)` is unknown: the sine transform diagonalises the equation."""
    height, width = region.shape
    eigenvalues = (
        4.0
        - 2.0 * np.cos(np.pi * np.arange(1, height + 1) / (height + 1))[:, None]
        - 2.0 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    )
    spectrum = dstn(right_side, type=1, axes=(0, 1)) / eigenvalues[..., None]
    return np.asarray(idstn(spectrum, type=1, axes=(0, 1)))


def solve_region(right_side: Floats, region: Mask) -> Floats:
    """Any part of the box `(H, W, C)` is unknown: a sparse symmetric factorisation. Zero outside of `region`."""
    unknowns = np.count_nonzero(region)
    number = np.zeros(region.shape, dtype=np.int32)
    number[region] = np.arange(unknowns)
    below = region[1:] & region[:-1]
    beside = region[:, 1:] & region[:, :-1]
    one = np.concatenate((number[1:][below], number[:, 1:][beside]))
    other = np.concatenate((number[:-1][below], number[:, :-1][beside]))
    every = np.arange(unknowns, dtype=np.int32)
    values = np.concatenate((np.full(unknowns, 4.0), np.full(2 * len(one), -1.0)))
    rows, columns = np.concatenate((every, one, other)), np.concatenate((every, other, one))
    matrix = csc_array((values, (rows, columns)), shape=(unknowns, unknowns))
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    solution = np.zeros_like(right_side)
    solution[region] = factors.solve(right_side[region])
    return solution


def _divergence(image: Floats, content: Floats, *, mixed: bool) -> Floats:
    """Right side of the equation for the pixels inside the box's border: `(H + 2, W + 2, C)` to `(H, W, C)`."""
    down = _excess(np.diff(image, axis=0), np.diff(content, axis=0), mixed=mixed)[:, 1:-1]
    across = _excess(np.diff(image, axis=1), np.diff(content, axis=1), mixed=mixed)[1:-1]
    return np.asarray(down[:-1] - down[1:] + across[:, :-1] - across[:, 1:])


def _excess(image: Floats, content: Floats, *, mixed: bool) -> Floats:
    """Guidance minus the image's own gradient."""
    excess = content - image
    if mixed:
        excess[np.abs(image) > np.abs(content)] = 0.0
    return excess
