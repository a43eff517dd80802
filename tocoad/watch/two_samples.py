"""Whether two samples of images are of one kind: Mann-Whitney's test of each statistic, and one answer for all.

The greatest of the statistics' standardised rank sums is compared with what it is when the images are dealt to the two
samples at random (Westfall & Young 1993). Where new images are exchangeable with those of the reference, a p-value is
at most `a` with probability `a`, whatever the statistics' distributions are and however they hang together.

Ranks, because production has defective parts: a few images of a window may lie as far off as they like and still move
its rank sum by no more than their share.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

DRAWS = 9_999
"""The smallest p-value is 1 / 10,000, and so is the smallest `watch.false_alarm_rate`."""


@dataclass(frozen=True)
class Compared:
    """`p` is of all M statistics together, `p_each` (M,) of each with the number of them accounted for. `higher` (M,)
    is the share of pairs in which the new image has the greater value: 0.5 where nothing has moved.
    """

    p: float
    p_each: NDArray[np.float64]
    higher: NDArray[np.float64]


def compare(reference: NDArray[np.float64], window: NDArray[np.float64]) -> Compared:
    """Values (n, M) and (w, M), at least one of each; the same values give the same answer."""
    n, w = len(reference), len(window)
    ranks = np.apply_along_axis(_ranks, 0, np.concatenate([reference, window]))
    # Of w ranks drawn without putting back; a statistic that is the same everywhere has no deviation.
    deviation = np.sqrt(n * w / (n + w) * ranks.var(0, ddof=1))
    deviation[deviation == 0] = np.inf
    expected = w * (n + w + 1) / 2
    sums = ranks[n:].sum(0)
    found = np.abs(sums - expected) / deviation
    # Ranks are multiples of a half: their sums are exact, and equal ones are equal.
    drawn = (np.abs(_dealt(n + w, w) @ ranks - expected) / deviation).max(1)
    p_each = (1 + (drawn[:, None] >= found).sum(0)) / (DRAWS + 1)
    return Compared(float(p_each.min()), p_each, (sums - w * (w + 1) / 2) / (n * w))


def can_tell(n: int, w: int, rate: float) -> bool:
    """Whether any two samples of these sizes could have a p-value of `rate`: of 3 and 2 images not even 0.1, in which
    all of one lie above or below all of the other by chance.
    """
    return 2 / comb(n + w, w) <= rate


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 1; equal values have their mean."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    means: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return means


@lru_cache(maxsize=4)
def _dealt(size: int, w: int) -> NDArray[np.float64]:
    """(DRAWS, size), w ones in each row."""
    order = np.random.default_rng(0).random((DRAWS, size)).argpartition(w - 1, axis=1)[:, :w]
    members = np.zeros((DRAWS, size))
    np.put_along_axis(members, order, 1.0, axis=1)
    return members
