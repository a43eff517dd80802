"""Where the anomalous scores stand among the normal ones: the one sort that every metric is read from.

Recall changes only at anomalous scores, so the ranks of the anomalous scores among the normal ones hold the exact
ROC, precision-recall and per-region curves, ties included; the normal scores themselves are never compared one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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


def rank(normal: NDArray[np.floating], anomalous: NDArray[np.floating], top: float = 1.0) -> Ranking | None:
    """The ranks of `anomalous` (m,) among `normal` (n,), exactly; None where one of them is empty.

    With `top` < 1 only that share of the normal scores is sorted. An anomalous score below all of them keeps the ranks
    `above = not_below = n`, which is exact wherever a false-positive rate beyond `top` does not matter.
    Sorts `normal` in place. Raises ValueError when a score is not a number.
    """
    n = normal.size
    if n == 0 or anomalous.size == 0:
        return None
    start = max(n - int(np.ceil(top * n)), 0)
    if 0 < start < n:
        normal.partition(start)
    top_normal = normal[start:]
    top_normal.sort()
    order = np.argsort(anomalous)
    scores = anomalous[order]
    if np.isnan(top_normal[-1]) or np.isnan(scores[-1]):
        raise ValueError("scores hold values that are not numbers (NaN)")

    below = np.full(scores.size, -start, dtype=np.int64)
    not_above = below.copy()
    first = int(np.searchsorted(scores, top_normal[0], "left"))
    left = np.searchsorted(top_normal, scores[first:], "left")
    right = left.copy()
    # The second look-up is paid for ties only.
    tied = top_normal[np.minimum(left, top_normal.size - 1)] == scores[first:]
    right[tied] = np.searchsorted(top_normal, scores[first:][tied], "right")
    below[first:] = left
    not_above[first:] = right
    # Normal scores equal to the lowest sorted one may lie on both sides of the cut.
    outside = int(np.count_nonzero(normal[:start] == top_normal[0])) if start else 0
    below[first:][left == 0] -= outside
    return Ranking(n, scores, order, top_normal.size - not_above, top_normal.size - below)
