"""Greedy k-centre: a few patch features so spread that every other one has a near representative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])

_START_ROWS = 10


def greedy_k_centre(
    features: Floats, count: int, *, seed: int, projection: int, start: Literal["exact", "approximate"] = "exact"
) -> Indices:
    """Rows (count,) of `features` (N, D) in the order they were chosen; PatchCore algorithm 1.

    Each further row is the one farthest from all chosen before it, the first of several. "exact" begins at a random
    row; "approximate" begins with the mean distance to ten random rows in place of the distance to a chosen one.
    Distances are taken on a random projection where rows are more than twice as wide as `projection`; below that its
    error costs more than its width saves. One thread and one order of the arithmetic: the thread count changes nothing.
    """
    rows = np.ascontiguousarray(features, np.float32)
    if rows.shape[1] > 2 * projection:
        rows = _project(rows, projection, np.random.default_rng((seed, 1)))
    random = np.random.default_rng((seed, 0))
    if start == "exact":
        first, squared = int(random.integers(len(rows))), np.full(len(rows), np.inf, np.float32)
    else:
        some = rows[random.choice(len(rows), min(_START_ROWS, len(rows)), replace=False)]
        squared = np.square(np.mean([np.linalg.norm(rows - row, axis=1) for row in some], axis=0))
        first = int(squared.argmax())
    return _choose(rows, squared, first, min(count, len(rows)))


def _choose(rows: Floats, squared: Floats, row: int, count: int) -> Indices:
    """Begins at `row`. `squared` (N,) start as the first squared distances; a chosen row's is -1: none comes twice."""
    chosen = np.empty(count, np.int64)
    centres = np.empty((count, rows.shape[1]), np.float32)
    owner = np.full(len(rows), count, np.int32)  # `count`: no centre yet
    reach = np.full(count + 1, -1, np.float32)
    for pick in range(count):
        chosen[pick], centres[pick], squared[row] = row, rows[row], -1
        _absorb(rows, squared, owner, centres, reach, pick)
        row = int(squared.argmax())  # here and not in the kernel: numpy's is vectorised, numba's is not
    return chosen


def _compiled(function: Function) -> Function:
    """Machine code; sums may be reordered, so that they vectorise, and nothing else of fast-math."""
    code: Function = njit(function, fastmath={"reassoc", "contract"})
    return code


@_compiled
def _squared_distance(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0)
    for k in range(a.size):
        difference = a[k] - b[k]
        total += difference * difference
    return total


@_compiled
def _absorb(rows: Floats, squared: Floats, owner: Any, centres: Floats, reach: Floats, pick: int) -> None:
    """Gives centre `pick` the rows that are nearer to it than to their own centre.

    Triangle inequality: a row cannot change whose distance to its own centre is at most half the distance between that
    centre and the new one. That leaves 1-7 % of the distances to compute.
    """
    centre = centres[pick]
    for j in range(pick):
        reach[j] = np.float32(0.25) * _squared_distance(centres[j], centre)
    for i in range(squared.size):
        if squared[i] > reach[owner[i]]:
            distance = _squared_distance(rows[i], centre)
            if distance < squared[i]:
                squared[i] = distance
                owner[i] = pick


def _project(rows: Floats, width: int, random: np.random.Generator) -> Floats:
    """(N, D) -> (N, width), distances kept in expectation (Johnson-Lindenstrauss); one thread for the same bytes."""
    matrix = random.standard_normal((rows.shape[1], width), np.float32) / np.float32(np.sqrt(width))
    projected = np.empty((len(rows), width), np.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.mm(torch.from_numpy(rows), torch.from_numpy(matrix), out=torch.from_numpy(projected))
    finally:
        torch.set_num_threads(threads)
    return projected
