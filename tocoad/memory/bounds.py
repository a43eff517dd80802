"""Exact nearest neighbours among wide vectors on a CPU: bounds on a few principal axes rule nearly all of them out.

With x' the coordinates of x on some orthonormal axes and r(x) the length of what they leave of it,

    |q - b|^2  >=  |q' - b'|^2 + (r(q) - r(b))^2,

which is |q|^2 + |b|^2 - 2 (q', r(q)) . (b', r(b)): one slim matrix product for all pairs. Only the vectors whose bound
is below the best distance found so far are compared in full. Patches of one category lie near a few axes, so on 64 of
1,024 the bound leaves a handful of thousands.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.nn.compiling import compiled

AXES = 64
_ITERATIONS = 2
# Of a squared norm: more than float32 rounds away in sums of some thousand terms, so that the bounds stay bounds.
_ROUNDING = 1e-5

_BLOCK = 64  # bounds that are looked at together: whether any is low enough takes no branch

Floats = NDArray[np.float32]


class PrincipalBounds:
    """The vectors (M, D) and their side of the bounds, M x (AXES + 2) numbers. D must be greater than AXES."""

    def __init__(self, vectors: Tensor, mean: Tensor, axes: Tensor, factors: Tensor, largest: float) -> None:
        self._vectors, self._mean, self._axes, self._factors, self._largest = vectors, mean, axes, factors, largest

    @classmethod
    def of(cls, vectors: Tensor) -> Self:
        mean = vectors.mean(0)
        shifted = vectors - mean
        axes = _principal_axes(shifted)
        coordinates, norms = _coordinates(shifted, axes)
        factors = torch.cat([-coordinates, norms / 2], dim=1).T.contiguous()
        return cls(vectors, mean, axes, factors, float(norms.max()))

    def nearest(self, queries: Tensor, product: int) -> Tensor:
        """(P, D) -> the index of the nearest vector of each, (P,) int64; the first of several as near.

        `product`: about how many bounds are computed at a time.
        """
        coordinates, norms = _coordinates(queries - self._mean, self._axes)
        left = torch.cat([coordinates, torch.ones_like(norms)], dim=1)
        slack = (norms + self._largest) * _ROUNDING
        offset = ((norms - slack) / 2).squeeze(1).numpy(force=True)
        best, index = np.full(len(queries), np.inf, np.float32), np.zeros(len(queries), np.int64)
        width = max(256, product // len(queries))
        for start in range(0, len(self._vectors), width):
            bounds = (left @ self._factors[:, start : start + width]).numpy(force=True)
            _search(bounds, bounds.argmin(1), offset, *self._whole(queries), start, best, index)
        return torch.from_numpy(index)

    def _whole(self, queries: Tensor) -> tuple[Floats, Floats]:
        return np.ascontiguousarray(queries.numpy(force=True)), self._vectors.numpy(force=True)


def _principal_axes(shifted: Tensor) -> Tensor:
    """(N, D) -> (D, AXES), orthonormal, near the first principal axes: the bounds hold for any, and need no others.

    Randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4), a tenth of an eigendecomposition.
    """
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn(shifted.shape[1], AXES, generator=generator)
    for _ in range(_ITERATIONS):
        axes = torch.linalg.qr(shifted.T @ (shifted @ axes)).Q
    return axes.contiguous()


def _coordinates(shifted: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """(N, D) -> coordinates and the length of the rest (N, AXES + 1), squared norms (N, 1).

    The rest is made longer by what rounding may have taken from it: the bounds fall by as little.
    """
    coordinates = shifted @ axes
    norms = torch.linalg.vector_norm(shifted, dim=1, keepdim=True).square()
    rest = norms * (1 + _ROUNDING) - coordinates.square().sum(1, keepdim=True)
    return torch.cat([coordinates, rest.clamp(min=0).sqrt()], dim=1), norms


@compiled
def _search(
    bounds: Floats,
    least: Any,
    offset: Floats,
    queries: Floats,
    vectors: Floats,
    start: int,
    best: Floats,
    index: Any,
) -> None:
    """Updates `best` (P,), squared distances, and `index` (P,) by the vectors from `start` on.

    2 (bounds + offset) is at most the squared distance of query and vector: row p and column j of `bounds` are of query
    p and vector start + j; `least` is each row's least. Its vector is looked at first: it leaves the fewest others.
    """
    count, width = bounds.shape
    for p in range(count):
        limit = best[p] / 2 - offset[p]
        if bounds[p, least[p]] > limit:
            continue
        query = queries[p]
        distance = _squared_distance(query, vectors[start + least[p]])
        if distance < best[p]:
            best[p], index[p] = distance, start + least[p]
            limit = distance / 2 - offset[p]
        for block in range(0, width, _BLOCK):
            end = min(block + _BLOCK, width)
            below = np.int32(0)
            for j in range(block, end):
                below += np.int32(bounds[p, j] <= limit)
            if below == 0:
                continue
            for j in range(block, end):
                if bounds[p, j] > limit or j == least[p]:
                    continue
                distance = _squared_distance(query, vectors[start + j])
                if distance < best[p] or (distance == best[p] and start + j < index[p]):
                    best[p], index[p] = distance, start + j
                    limit = distance / 2 - offset[p]


@compiled
def _squared_distance(a: Floats, b: Floats) -> Any:
    total = np.float32(0)
    for k in range(len(a)):
        difference = a[k] - b[k]
        total += difference * difference
    return total
