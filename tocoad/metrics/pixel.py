"""Pixel-level metrics over all pixels of the test split; None where no defect or no normal pixel is known.

Maps `(H_i, W_i)` float32 and masks `(H_i, W_i)` bool may differ in size from image to image. A mask of None is a good
image: all of its pixels are normal. Defective images without a mask must be left out by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.aupro import PRO_LIMIT, aupro, region_weights
from tocoad.metrics.curves import auroc, average_precision, f1_max
from tocoad.metrics.ranking import Ranking, rank

Maps: TypeAlias = Sequence[NDArray[np.float32]]
Masks: TypeAlias = Sequence[NDArray[np.bool_] | None]


def rank_pixels(maps: Maps, masks: Masks, top: float = 1.0) -> Ranking | None:
    """Ranks of the defect pixels among the normal ones; `top` as in `rank`."""
    normal: list[NDArray[Any]] = []
    anomalous: list[NDArray[Any]] = []
    for anomaly_map, mask in zip(maps, masks, strict=True):
        if mask is None:
            normal.append(anomaly_map.ravel())
        else:
            normal.append(anomaly_map[~mask])
            anomalous.append(anomaly_map[mask])
    if not normal or not anomalous:
        return None
    return rank(np.concatenate(normal), np.concatenate(anomalous), top)


def pixel_AUROC(maps: Maps, masks: Masks) -> float | None:
    ranking = rank_pixels(maps, masks)
    return None if ranking is None else auroc(ranking)


def pixel_AP(maps: Maps, masks: Masks) -> float | None:
    ranking = rank_pixels(maps, masks)
    return None if ranking is None else average_precision(ranking)


def pixel_F1Max(maps: Maps, masks: Masks) -> float | None:
    """An oracle: the threshold is chosen on the very masks it is judged by."""
    ranking = rank_pixels(maps, masks)
    return None if ranking is None else f1_max(ranking)[0]


def pixel_AUPRO(maps: Maps, masks: Masks, limit: float = PRO_LIMIT) -> float | None:
    """Only the share `limit` of the normal pixels is sorted; see `tocoad.metrics.aupro` for the definition."""
    ranking = rank_pixels(maps, masks, top=limit)
    return None if ranking is None else aupro(ranking, known_region_weights(masks), limit)


def known_region_weights(masks: Masks) -> NDArray[np.float64]:
    """`region_weights` of the masks that there are."""
    return region_weights(mask for mask in masks if mask is not None)
