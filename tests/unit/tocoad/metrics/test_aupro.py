from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tocoad.metrics.aupro import pro_curve
from tocoad.metrics.pixel import rank_pixels
from tocoad.metrics.pixel_stream import defect_pixels


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("levels", [3, 12, 10_000])
def test_the_pro_curve_is_the_polyline_through_every_threshold(levels: int, limit: float) -> None:
    rng = np.random.default_rng(levels)
    mask = ndimage.uniform_filter(rng.random((20, 20)), 3) > 0.58
    good = rng.integers(0, levels, (20, 20)).astype(np.float32)
    anomaly_map = (rng.integers(0, levels, (20, 20)) + mask * (levels // 3)).astype(np.float32)
    maps, masks = [good, anomaly_map], [None, mask]

    regions, count = ndimage.label(mask, np.ones((3, 3)))
    normal = np.concatenate([good.ravel(), anomaly_map[~mask]])
    fpr, overlap = [0.0], [0.0]
    for threshold in np.unique(np.concatenate([good, anomaly_map]))[::-1]:
        fpr.append((normal >= threshold).mean())
        overlap.append(np.mean([(anomaly_map[regions == i + 1] >= threshold).mean() for i in range(count)]))

    defects, ranking = defect_pixels(maps, masks), rank_pixels(maps, masks)
    assert ranking is not None
    assert count > 2
    x, y = pro_curve(ranking, defects.shares, int(defects.regions.sum()), limit, points=41)
    np.testing.assert_allclose(x, np.linspace(0, limit, 41))
    # Just right of each rate, where no two thresholds share one: the upper end of the jumps.
    expected = np.interp(x[:-1] + 1e-9, fpr, overlap)
    np.testing.assert_allclose(y[:-1], expected, atol=1e-6)
