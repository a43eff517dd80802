"""Pixel metrics against scikit-learn, AUPRO against a loop over every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from tocoad.metrics.pixel import pixel_AP, pixel_AUPRO, pixel_AUROC, pixel_F1Max, rank_pixels

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _draw(seed: int, levels: int | None) -> tuple[list[Map], list[Mask | None]]:
    """Ragged images; a small number of `levels` makes ties within and between the two kinds of pixels."""
    rng = np.random.default_rng(seed)
    maps, masks = [], []
    for index in range(5):
        shape = (int(rng.integers(6, 14)), int(rng.integers(6, 14)))
        noise = rng.normal(size=shape) if levels is None else rng.integers(0, levels, shape)
        mask = ndimage.uniform_filter(rng.random(shape), 2) > 0.68 if index else None
        shift = 0 if mask is None else mask * (1 if levels is None else levels // 2)
        maps.append((noise + shift).astype(np.float32))
        masks.append(mask)
    return maps, masks


def _brute_aupro(maps: list[Map], masks: list[Mask | None], limit: float) -> float:
    known = [np.zeros(m.shape, bool) if mask is None else mask for m, mask in zip(maps, masks, strict=True)]
    regions = []
    for anomaly_map, mask in zip(maps, known, strict=True):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [anomaly_map[labels == i + 1] for i in range(count)]
    normal = np.concatenate([m[~mask] for m, mask in zip(maps, known, strict=True)])
    fpr, pro = [0.0], [0.0]
    for threshold in sorted({float(v) for m in maps for v in m.ravel()}, reverse=True):
        fpr.append(float((normal >= threshold).mean()))
        pro.append(float(np.mean([(region >= threshold).mean() for region in regions])))
    area = 0.0
    for (x0, y0), (x1, y1) in zip(zip(fpr, pro, strict=True), zip(fpr[1:], pro[1:], strict=True), strict=False):
        if x0 >= limit:
            break
        if x1 > limit:
            x1, y1 = limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


@pytest.mark.parametrize("limit", [0.05, 0.3, 0.77, 1.0])
@pytest.mark.parametrize("levels", [None, 2, 3, 7, 40])
@pytest.mark.parametrize("seed", range(4))
def test_aupro_equals_the_loop_over_all_thresholds(seed: int, levels: int | None, limit: float) -> None:
    maps, masks = _draw(seed, levels)
    assert pixel_AUPRO(maps, masks, limit) == pytest.approx(_brute_aupro(maps, masks, limit), abs=1e-12)


@pytest.mark.parametrize("top", [0.3, 1.0])
@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("chunk", [1, 7, 100, 1000])
def test_the_ranks_do_not_depend_on_the_size_of_the_chunks(chunk: int, levels: int | None, top: float) -> None:
    maps, masks = _draw(1, levels)
    whole, parts = rank_pixels(maps, masks), rank_pixels(maps, masks, top=top, chunk=chunk)
    assert whole is not None
    assert parts is not None
    within = whole.above < top * whole.normal_count
    np.testing.assert_array_equal(parts.above[within], whole.above[within])
    np.testing.assert_array_equal(parts.not_below[within], whole.not_below[within])
    assert (parts.above[~within] >= top * whole.normal_count).all()


@pytest.mark.parametrize("levels", [None, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_auroc_ap_and_f1_agree_with_scikit_learn(seed: int, levels: int | None) -> None:
    maps, masks = _draw(seed, levels)
    scores = np.concatenate([m.ravel() for m in maps])
    labels = np.concatenate(
        [np.zeros(m.size, bool) if k is None else k.ravel() for m, k in zip(maps, masks, strict=True)]
    )
    precision, recall, _ = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    assert pixel_AUROC(maps, masks) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert pixel_AP(maps, masks) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert pixel_F1Max(maps, masks) == pytest.approx(f1.max(), abs=1e-12)


def test_every_region_counts_the_same_whatever_its_size() -> None:
    # Two regions, of 1 and of 9 pixels; the map finds the small one only. Below 100 normal pixels nothing fires.
    mask = np.zeros((11, 10), bool)
    mask[0, 0] = True
    mask[5:8, 5:8] = True
    anomaly_map = np.zeros((11, 10), np.float32)
    anomaly_map[0, 0] = 1
    # Half of the overlap from rate 0 on, then a straight line to 1 at rate 1 (all else is tied): mean up to 0.3 is
    # 0.5 + 0.5 * 0.15.
    assert pixel_AUPRO([anomaly_map], [mask]) == pytest.approx(0.575, abs=1e-12)


def test_diagonal_neighbours_are_one_region() -> None:
    mask = np.zeros((10, 10), bool)
    mask[[2, 3, 7], [2, 3, 7]] = True
    anomaly_map = np.zeros((10, 10), np.float32)
    anomaly_map[7, 7] = 1
    # Two regions, one found whole: 1/2. With 4-neighbourhood it would be three, and 1/3.
    assert pixel_AUPRO([anomaly_map], [mask], 0.5) == pytest.approx(0.5 + 0.5 * 0.25, abs=1e-12)


def test_false_positives_of_good_images_count_as_those_of_defective_ones() -> None:
    mask = np.zeros((4, 5), bool)
    mask[0] = True
    ranked = np.where(mask, 1.0, 0.0).astype(np.float32)
    good = np.full((3, 5), 2.0, np.float32)
    # The 15 pixels of the good image outrank all: 15 of 30 normal pixels, so the curve is 0 up to rate 0.5.
    assert pixel_AUPRO([ranked, good], [mask, None], 0.3) == 0.0
    assert pixel_AUPRO([ranked, good], [mask, None], 1.0) == pytest.approx(0.5, abs=1e-12)


def test_a_perfect_map_is_one() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:5] = True
    anomaly_map = mask.astype(np.float32)
    for metric in (pixel_AUROC, pixel_AP, pixel_F1Max, pixel_AUPRO):
        assert metric([anomaly_map], [mask]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("masks", [[None, None], [np.zeros((3, 3), bool), None], []])
def test_without_a_defect_pixel_there_is_no_figure(masks: list[Mask | None]) -> None:
    maps = [np.ones((3, 3), np.float32) for _ in masks]
    for metric in (pixel_AUROC, pixel_AP, pixel_F1Max, pixel_AUPRO):
        assert metric(maps, masks) is None


def test_the_maps_are_left_as_they_were() -> None:
    maps, masks = _draw(0, None)
    before = [m.copy() for m in maps]
    pixel_AUPRO(maps, masks)
    pixel_AUROC(maps[:1] + maps[1:2], masks[:2])
    for old, new in zip(before, maps, strict=True):
        np.testing.assert_array_equal(old, new)
