"""Area under the per-region overlap curve of each defective image alone: the figure that RD4AD and ReContrast publish.

For comparison with their tables only. It is not the AUPRO of `tocoad.metrics.aupro`: every image has thresholds and
false positives of its own, 200 thresholds stand for all of them, and the rates are divided by the greatest one below
0.3 instead of 0.3. (Deng & Li, CVPR 2022, released evaluation.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.pixel_stream import Maps, Masks, normal_pixels, region_shares

THRESHOLDS = 200
FPR_LIMIT = 0.3


def pixel_AUPRO_per_image(maps: Maps, masks: Masks) -> float | None:
    """Mean over the images that have a defect pixel and a normal one; None where there is none. See `image_AUPRO`."""
    areas = []
    for index, mask in enumerate(masks):
        if mask is not None and mask.any() and not mask.all():
            regions, shares = region_shares(mask)
            anomaly_map = maps[index]
            areas.append(image_AUPRO(np.sort(normal_pixels(anomaly_map, mask)), anomaly_map[mask], shares, regions))
    return float(np.mean(areas)) if areas else None


def image_AUPRO(
    normal: NDArray[np.floating], anomalous: NDArray[np.floating], shares: NDArray[np.float64], regions: int
) -> float:
    """One image from its normal pixels (n,), ascending, and its defect pixels (m,) with their region shares.

    Thresholds are `arange(min, max, (max - min) / 200)` of the map, a pixel is found where `map > threshold`, points
    with a false-positive rate below 0.3 are kept, and their rates are divided by the greatest of them.

    Where the released code fails: 0 for a constant map and for a map without a point below 0.3 (nothing is found); the
    greatest overlap where all points lie at rate 0 (all that is found is found without a false positive).
    """
    low = min(float(normal[0]), float(anomalous.min()))
    high = max(float(normal[-1]), float(anomalous.max()))
    if low == high:
        return 0.0
    thresholds = np.arange(low, high, (high - low) / THRESHOLDS)
    # A pixel is found at as many thresholds as are smaller than it.
    found_at = np.searchsorted(thresholds, anomalous, "left")
    found = np.bincount(found_at, weights=shares, minlength=thresholds.size + 1)
    overlap = np.cumsum(found[::-1])[-2::-1] / regions
    fpr = (normal.size - np.searchsorted(normal, thresholds, "right")) / normal.size
    kept = fpr < FPR_LIMIT
    fpr, overlap = fpr[kept][::-1], overlap[kept][::-1]
    if fpr.size == 0:
        return 0.0
    if fpr[-1] == 0:
        return float(overlap[-1])
    return float(np.trapezoid(overlap, fpr / fpr[-1]))
