"""Against the procedure of RD4AD's and ReContrast's released evaluation, written out threshold by threshold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import auc

from tocoad.metrics.aupro_per_image import pixel_AUPRO_per_image

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _released(anomaly_map: Map, mask: Mask) -> float:
    values = anomaly_map.astype(np.float64)  # their maps are sums in float64
    regions, count = ndimage.label(mask, np.ones((3, 3)))
    low, high = values.min(), values.max()
    points = []
    for threshold in np.arange(low, high, (high - low) / 200):
        found = values > threshold
        overlap = np.mean([found[regions == i + 1].sum() / (regions == i + 1).sum() for i in range(count)])
        fpr = np.logical_and(~mask, found).sum() / (~mask).sum()
        if fpr < 0.3:
            points.append((fpr, overlap))
    fprs, overlaps = np.array(points).T
    return auc(fprs / fprs.max(), overlaps)


def _draw(seed: int, levels: int | None) -> tuple[Map, Mask]:
    rng = np.random.default_rng(seed)
    mask = ndimage.uniform_filter(rng.random((40, 30)), 5) > 0.56
    noise = ndimage.gaussian_filter(rng.normal(size=(40, 30)), 1.5) + 0.4 * ndimage.gaussian_filter(mask * 1.0, 1)
    values = noise if levels is None else np.round(noise * levels)
    return values.astype(np.float32), mask


@pytest.mark.parametrize("levels", [None, 9])
@pytest.mark.parametrize("seed", range(5))
def test_one_image_is_the_released_procedure(seed: int, levels: int | None) -> None:
    anomaly_map, mask = _draw(seed, levels)
    assert pixel_AUPRO_per_image([anomaly_map], [mask]) == pytest.approx(_released(anomaly_map, mask), abs=1e-12)


def test_the_figure_is_the_mean_over_the_defective_images() -> None:
    drawn = [_draw(seed, None) for seed in range(3)]
    maps, masks = [m for m, _ in drawn], [k for _, k in drawn]
    good, empty = _draw(9, None)[0], np.zeros((40, 30), bool)
    expected = np.mean([_released(*pair) for pair in drawn])
    assert pixel_AUPRO_per_image([*maps, good, good], [*masks, None, empty]) == pytest.approx(expected, abs=1e-12)


MASK = np.zeros((10, 10), bool)
MASK[2:4, 2:4] = True


@pytest.mark.parametrize(
    ("anomaly_map", "figure"),
    [
        (np.zeros((10, 10)), 0.0),  # no threshold
        (np.where(MASK, 1.0, 0.0), 1.0),  # every point at rate 0
        (np.where(np.arange(100).reshape(10, 10) == 22, 1.0, 0.0), 0.25),  # every point at rate 0: one of four pixels
        (np.where(np.arange(100).reshape(10, 10) < 50, 1.0, 0.0), 0.0),  # no point below 0.3
    ],
)
def test_where_the_released_procedure_fails_the_figure_is_still_defined(
    anomaly_map: NDArray[np.float64], figure: float
) -> None:
    assert pixel_AUPRO_per_image([anomaly_map.astype(np.float32)], [MASK]) == pytest.approx(figure, abs=1e-12)


def test_without_an_image_that_has_both_kinds_of_pixels_there_is_no_figure() -> None:
    anomaly_map = np.random.default_rng(0).random((4, 4), dtype=np.float32)
    for mask in (None, np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        assert pixel_AUPRO_per_image([anomaly_map], [mask]) is None
