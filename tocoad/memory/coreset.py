"""Greedy k-centre: a few patch features so spread that every other one has a near representative."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from tocoad.nn.compiling import compiled

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_START_ROWS = 10
_AXES = 32
_SAMPLE = 4096
_CHUNK = 8192


def greedy_k_centre(
    features: Floats, count: int, *, seed: int, projection: int, start: Literal["exact", "approximate"] = "exact"
) -> Integers:
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
        first, bound = int(random.integers(len(rows))), np.full(len(rows), np.inf, np.float32)
    else:
        some = rows[random.choice(len(rows), min(_START_ROWS, len(rows)), replace=False)]
        bound = np.square(np.mean([np.linalg.norm(rows - row, axis=1) for row in some], axis=0))
        first = int(bound.argmax())
    return _choose(rows, bound, first, min(count, len(rows)))


def _choose(rows: Floats, bound: Floats, row: int, count: int) -> Integers:
    """Begins at `row`; `bound` (N,) are upper limits of the squared distance to the chosen rows.

    Lazy: a row's bound is brought up to date, centre by centre from the `seen`-th on, only while the row could still be
    the farthest. A chosen row's bound is -1, so that none comes twice.
    """
    short = _leading_coordinates(rows)
    chosen = np.empty(count, np.int64)
    centres, short_centres = np.empty((count, rows.shape[1]), np.float32), np.empty((count, short.shape[1]), np.float32)
    seen = np.zeros(len(rows), np.int64)
    for pick in range(count):
        chosen[pick], centres[pick], short_centres[pick], bound[row] = row, rows[row], short[row], -1
        if pick + 1 < count:
            known = rows, short, bound, seen, centres[: pick + 1], short_centres[: pick + 1]
            # The largest bound is likely the farthest row's: begun with, it spares most others.
            likely = int(bound.argmax())
            row = _farthest(likely, _update(likely, np.float32(-1), *known), *known)
    return chosen


@compiled
def _squared_distance(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0)
    for k in range(a.size):
        difference = a[k] - b[k]
        total += difference * difference
    return total


@compiled
def _update(
    i: int, least: np.float32, rows: Floats, short: Floats, bound: Floats, seen: Integers, centres: Floats, cut: Floats
) -> np.float32:
    """Lowers row i's bound by the centres it has not seen, until there are none or it has fallen below `least`."""
    value: np.float32 = bound[i]
    j = seen[i]
    while j < len(centres) and value >= least:
        # A distance along some axes alone cannot exceed the whole one; the factor is for rounding.
        if np.float32(0.999) * _squared_distance(short[i], cut[j]) < value:
            value = min(value, _squared_distance(rows[i], centres[j]))
        j += 1
    bound[i], seen[i] = value, j
    return value


@compiled
def _next(bound: Floats, i: int, least: np.float32) -> int:
    """First place from i on whose bound reaches `least`, else N; 64 at a time, which vectorises."""
    while i + 64 <= bound.size:
        found = False
        for k in range(64):
            found |= bound[i + k] >= least
        if found:
            break
        i += 64
    while i < bound.size and bound[i] < least:
        i += 1
    return i


@compiled
def _farthest(
    row: int,
    largest: np.float32,
    rows: Floats,
    short: Floats,
    bound: Floats,
    seen: Integers,
    centres: Floats,
    cut: Floats,
) -> int:
    """The row with the largest distance to the centres, the first of several; `row` has the distance `largest`."""
    i = _next(bound, 0, largest)
    while i < bound.size:
        value = _update(i, largest, rows, short, bound, seen, centres, cut)
        if value > largest or (value == largest and i < row):
            largest, row = value, i
        i = _next(bound, i + 1, largest)
    return row


def _leading_coordinates(rows: Floats) -> Floats:
    """(N, D) -> (N, at most 32): along the principal axes of a sample, where most of a distance lies."""
    sample = rows[:: max(1, len(rows) // _SAMPLE)].astype(np.float64)
    mean = sample.mean(0)
    axes = np.linalg.eigh((sample - mean).T @ (sample - mean)).eigenvectors[:, : -_AXES - 1 : -1].astype(np.float32)
    chunks = [(rows[i : i + _CHUNK] - mean.astype(np.float32)) @ axes for i in range(0, len(rows), _CHUNK)]
    return np.concatenate(chunks)


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
