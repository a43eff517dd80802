"""Area under the per-region overlap curve, over the whole data set.

Per-region overlap at a threshold is the mean, over all defect regions of all images, of the share of the region's
pixels at or above the threshold; a region is a connected component with 8-neighbourhood. The curve runs over the
false-positive rate of all normal pixels of the test split. (Bergmann et al., IJCV 2021.)
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.ranking import Ranking

PRO_LIMIT = 0.3


def region_weights(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """For every defect pixel, in the order of `map[mask]` over `masks`: 1 / (pixels of its region * regions in all)."""
    weights = []
    regions = 0
    for mask in masks:
        count, labels = cv2.connectedComponents(np.ascontiguousarray(mask).view(np.uint8), connectivity=8)
        inside = labels[mask]
        weights.append(1.0 / np.bincount(inside, minlength=count)[inside])
        regions += count - 1
    return np.concatenate(weights) / regions if regions else np.empty(0)


def aupro(ranking: Ranking, weights: NDArray[np.float64], limit: float = PRO_LIMIT) -> float:
    """Area under the curve from false-positive rate 0 to exactly `limit`, divided by `limit`; in [0, 1].

    `weights` (m,) from `region_weights`, in the order in which the pixels went into the ranking, which must hold
    `rank(..., top=limit)` at least. Every threshold is used. The curve is the sum of one ramp for each defect pixel:
    between the rates of the normal pixels above it and of those not below it (they differ only by ties, where the
    curve is a straight line), it rises by the pixel's weight. The area of the ramps up to the limit is a closed form.
    """
    start = ranking.above / ranking.normal_count
    width = ranking.not_below / ranking.normal_count - start
    inside = np.maximum(limit - start, 0.0)
    # A ramp that is cut by the limit is a triangle; a whole one is the limit less the middle of the ramp.
    cut = inside < width
    area = np.where(cut, inside * inside / np.where(cut, 2 * width, 1.0), inside - width / 2)
    return float(np.dot(area, weights[ranking.order])) / limit
