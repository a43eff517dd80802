from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tocoad.metrics.aupimo import pixel_AUPIMO

LOWER, UPPER = 1e-5, 1e-4


def _brute_force(maps: list[NDArray[np.float32]], masks: list[NDArray[np.bool_] | None]) -> float:
    """The step curve of each defective image over every threshold, added up piece by piece on the logarithmic axis."""
    good = np.concatenate([m.ravel() for m, k in zip(maps, masks, strict=True) if k is None or not k.any()])
    thresholds = np.unique(np.concatenate([m.ravel() for m in maps]))[::-1]
    rates = np.array([(good >= t).mean() for t in thresholds])
    areas = []
    for anomaly_map, mask in zip(maps, masks, strict=True):
        if mask is None or not mask.any():
            continue
        tpr = np.array([(anomaly_map[mask] >= t).mean() for t in thresholds])
        corners = np.unique(np.clip(np.concatenate([rates, [LOWER, UPPER]]), LOWER, UPPER))
        area = 0.0
        for left, right in itertools.pairwise(corners):
            reached = tpr[rates <= left]
            area += math.log(right / left) * (reached.max() if reached.size else 0.0)
        areas.append(area / math.log(UPPER / LOWER))
    return float(np.mean(areas))


@pytest.mark.parametrize("levels", [None, 60])
@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_is_the_area_under_the_curve(seed: int, levels: int | None) -> None:
    rng = np.random.default_rng(seed)
    # 160,000 good pixels: 15 of their ranks lie in the range that is integrated.
    maps = [rng.normal(size=(400, 200)) for _ in range(2)]
    masks: list[NDArray[np.bool_] | None] = [None, np.zeros((400, 200), bool)]
    for _ in range(3):
        mask = np.zeros((12, 10), bool)
        mask[2:6, 3:8] = True
        maps.append(rng.normal(size=(12, 10)) + mask * rng.normal(3.9, 0.5, (12, 10)))
        masks.append(mask)
    # What is below 3 is far beyond the greatest rate: one value for all of it leaves few thresholds to loop over.
    high = [np.maximum(m, 3.0) for m in maps]
    scored = [(m if levels is None else np.round(m * levels)).astype(np.float32) for m in high]
    figure = pixel_AUPIMO(scored, masks)
    assert figure == pytest.approx(_brute_force(scored, masks), abs=1e-12)
    assert figure is not None
    assert 0.1 < figure < 0.9


def test_a_pixel_is_worth_its_part_of_the_logarithmic_axis() -> None:
    # 100,000 good pixels; three lie at or above the first defect pixel, none above the second, all above the third.
    good = np.arange(100_000, dtype=np.float32).reshape(250, 400)
    mask = np.ones((1, 3), bool)
    defective = np.array([[99_997, 200_000, -1]], np.float32)
    expected = (math.log(UPPER / 3e-5) / math.log(10) + 1 + 0) / 3
    assert pixel_AUPIMO([good, defective], [None, mask]) == pytest.approx(expected, abs=1e-12)


def test_without_a_good_image_or_a_defect_pixel_there_is_no_figure() -> None:
    maps = [np.ones((3, 3), np.float32)] * 2
    some = np.eye(3, dtype=bool)
    assert pixel_AUPIMO(maps, [some, some]) is None
    assert pixel_AUPIMO(maps, [None, np.zeros((3, 3), bool)]) is None
