"""Where the anomalous scores stand among the normal ones: the one sort that every metric is read from.

Recall changes only at anomalous scores, so the ranks of the anomalous scores among the normal ones hold the exact
ROC, precision-recall and per-region curves, ties included; the normal scores themselves are never compared one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Anomalous scores that are looked up together.
_LOOKUP = 4096


@dataclass(frozen=True)
class Ranking:
    """Ranks of `m` anomalous scores among `normal_count` normal ones; higher = more anomalous.

    `scores` (m,) ascending. `order` (m,) gives each one's position in the input, so that weights can follow.
    `above` (m,): normal scores strictly greater. `not_below` (m,): normal scores greater or equal.
    """

    normal_count: int
    scores: NDArray[np.floating]
    order: NDArray[np.intp]
    above: NDArray[np.int64]
    not_below: NDArray[np.int64]


class Ranker:
    """Ranks `anomalous` (m,) among normal scores that come in chunks: exactly, however they are cut.

    Holds 28 bytes for each anomalous score, and nothing of the normal ones. Raises ValueError when a score is not a
    number.
    """

    def __init__(self, anomalous: NDArray[np.floating]) -> None:
        self._order = np.argsort(anomalous)
        self._scores = anomalous[self._order]
        _refuse_nan(self._scores)
        self._normal_count = 0
        self._above = np.zeros(anomalous.size, np.int64)
        self._not_below = np.zeros(anomalous.size, np.int64)

    def add(self, normal: NDArray[np.floating], top: float = 1.0) -> None:
        """Counts `normal` (n,), which is sorted in place.

        With `top` < 1 only that share of it is sorted, and it must be the only chunk. An anomalous score below all of
        the share gets the ranks `above = not_below = n`, which is exact wherever a false-positive rate beyond `top`
        does not matter.
        """
        n = normal.size
        if n == 0:
            return
        start = max(n - int(np.ceil(top * n)), 0)
        if 0 < start < n:
            normal.partition(start)
        ordered = normal[start:]
        ordered.sort()
        _refuse_nan(ordered)
        self._normal_count += n
        first = int(np.searchsorted(self._scores, ordered[0], "left"))
        self._above[:first] += n
        self._not_below[:first] += n
        for block in range(first, self._scores.size, _LOOKUP):
            self._look_up(ordered, slice(block, block + _LOOKUP))
        if start and first < self._scores.size and self._scores[first] == ordered[0]:
            # Normal scores equal to the lowest sorted one may lie on both sides of the cut.
            equal = int(np.searchsorted(self._scores, ordered[0], "right"))
            self._not_below[first:equal] += int(np.count_nonzero(normal[:start] == ordered[0]))

    def _look_up(self, ordered: NDArray[np.floating], block: slice) -> None:
        """A block's scores lie near each other in `ordered`, where they are looked up in the cache."""
        scores = self._scores[block]
        low = int(np.searchsorted(ordered, scores[0], "left"))
        near = ordered[low : int(np.searchsorted(ordered, scores[-1], "right"))]
        self._above[block] += ordered.size - low
        self._not_below[block] += ordered.size - low
        if near.size:
            left = np.searchsorted(near, scores, "left")
            right = left.copy()
            # The second look-up is paid for ties only.
            tied = near[np.minimum(left, near.size - 1)] == scores
            right[tied] = np.searchsorted(near, scores[tied], "right")
            self._above[block] -= right
            self._not_below[block] -= left

    def ranking(self) -> Ranking | None:
        """Among all that was added so far, until more is added; None where there is nothing to rank."""
        if self._normal_count == 0 or self._scores.size == 0:
            return None
        return Ranking(self._normal_count, self._scores, self._order, self._above, self._not_below)


def rank(normal: NDArray[np.floating], anomalous: NDArray[np.floating], top: float = 1.0) -> Ranking | None:
    """The ranks of `anomalous` (m,) among `normal` (n,); None where one of them is empty. See `Ranker`."""
    ranker = Ranker(anomalous)
    ranker.add(normal, top)
    return ranker.ranking()


def _refuse_nan(ascending: NDArray[np.floating]) -> None:
    if ascending.size and np.isnan(ascending[-1]):  # NaN sorts last
        raise ValueError("scores hold values that are not numbers (NaN)")
