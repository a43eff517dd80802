"""Area under the per-region overlap curve, over the whole data set.

Per-region overlap at a threshold is the mean, over all defect regions of all images, of the share of the region's
pixels at or above the threshold; a region is a connected component with 8-neighbourhood. The curve runs over the
false-positive rate of all normal pixels of the test split. (Bergmann et al., IJCV 2021.)

The curve is the sum of one ramp for each defect pixel: between the rates of the normal pixels above it and of those not
below it (they differ only by ties, where the curve is a straight line), it rises by the pixel's share of its region.
Every threshold is used.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.ranking import Ranking

PRO_LIMIT = 0.3
# Defect pixels at a time: the working memory stays in the cache.
_BLOCK = 2**16


def aupro(ranking: Ranking, shares: NDArray[np.float64], regions: int, limit: float = PRO_LIMIT) -> float:
    """Area under the curve from false-positive rate 0 to exactly `limit`, divided by `limit`; in [0, 1].

    `shares` (m,) in the order in which the pixels went into the ranking, of `regions` in all. The ranking must hold
    `rank(..., top=limit)` at least.
    """
    area = 0.0
    for first in range(0, ranking.scores.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        start = ranking.above[block] / ranking.normal_count
        width = ranking.not_below[block] / ranking.normal_count - start
        inside = np.maximum(limit - start, 0.0)
        # A ramp that is cut by the limit is a triangle; a whole one is the limit less the middle of the ramp.
        cut = inside < width
        ramps = inside - width / 2
        ramps[cut] = inside[cut] ** 2 / (2 * width[cut])
        area += float(np.dot(ramps, shares[ranking.order[block]]))
    return area / (limit * regions)


def pro_curve(
    ranking: Ranking, shares: NDArray[np.float64], regions: int, limit: float = PRO_LIMIT, points: int = 512
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False-positive rates, evenly from 0 to `limit`, and the exact height of the curve there, in [0, 1].

    Where the curve jumps, its upper end: at rate 0 that is the overlap before the first false positive.
    """
    grid = np.linspace(0.0, limit, points)
    false = grid * ranking.normal_count
    # As the scores rise, the ranks fall: the ramps from `begun` on have begun at a rate, those from `done` on are done.
    begun = np.searchsorted(-ranking.above, -np.floor(false).astype(np.int64))
    done = np.searchsorted(-ranking.not_below, -np.floor(false).astype(np.int64))
    positions = np.unique(np.concatenate([begun, done, [ranking.scores.size]]))
    pieces = [float(shares[ranking.order[a:b]].sum()) for a, b in itertools.pairwise(positions)]
    covered = np.append(np.cumsum(pieces[::-1])[::-1], 0.0) / regions
    lower, upper = covered[np.searchsorted(positions, done)], covered[np.searchsorted(positions, begun)]
    # What has begun and is not done is one group of equal scores: one ramp.
    ramp = np.minimum(begun, ranking.scores.size - 1)
    start, end = ranking.above[ramp], ranking.not_below[ramp]
    part = np.where(begun < done, (false - start) / np.maximum(end - start, 1), 0.0)
    return grid, np.minimum(lower + (upper - lower) * part, 1.0)
