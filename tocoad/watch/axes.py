"""A few axes of the embeddings of normal images, and how far an image lies beside them.

The two statistics of multivariate process control (Jackson & Mudholkar 1979): coordinates on the leading principal axes
tell of a change along the ways in which normal images differ anyway, the distance from their subspace of any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 100
# Of the channels' spread: one that hardly varies among some images would count for all others together.
_SCALE_MIN = 0.3


@dataclass(frozen=True)
class Axes:
    """`centre` and `scale` (D,) of each channel, orthonormal `directions` (K, D) of what is left then; float32."""

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    directions: NDArray[np.float32]

    @classmethod
    def through(cls, embeddings: NDArray[np.float32], count: int) -> Self:
        """The `count` leading principal axes of embeddings (N, D); fewer where N images have not so many."""
        centre = embeddings.mean(0)
        spread = embeddings.std(0)
        scale = np.maximum(spread, _SCALE_MIN * np.sqrt((spread**2).mean()) + 1e-6).astype(np.float32)
        z = ((embeddings - centre) / scale).astype(np.float64)
        weights = _leading(np.einsum("id,jd->ij", z, z), min(count, len(z) - 1))
        return cls(centre, scale, _orthonormal(np.einsum("id,ik->kd", z, weights)).astype(np.float32))

    def coordinates(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, K + 1) of embeddings (N, D): on each axis, and last the root mean square of what lies beside them all."""
        z = ((embeddings - self.centre) / self.scale).astype(np.float64)
        along = np.einsum("nd,kd->nk", z, self.directions)
        beside = z - np.einsum("nk,kd->nd", along, self.directions)
        return np.column_stack([along, np.sqrt((beside**2).mean(1))])


def _leading(gram: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(N, count) eigenvectors of the greatest eigenvalues, by orthogonal iteration.

    Not LAPACK's: its last bits hang on the number of its threads, and a package is the same bytes wherever it is made.
    """
    basis = np.random.default_rng(0).standard_normal((count, len(gram)))
    for _ in range(_ROUNDS):
        basis = _orthonormal(np.einsum("kj,ij->ki", basis, gram))
    return basis.T


def _orthonormal(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gram-Schmidt; a row that is nothing beside those before it becomes zeros."""
    found = np.zeros_like(rows)
    for index, row in enumerate(rows):
        length = np.sqrt((row**2).sum())
        for _ in range(2):  # twice is enough (Kahan)
            row = row - np.einsum("k,kd->d", np.einsum("kd,d->k", found[:index], row), found[:index])
        if (rest := np.sqrt((row**2).sum())) > 1e-9 * length:
            found[index] = row / rest
    return found
