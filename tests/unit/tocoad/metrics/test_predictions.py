from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tocoad.metrics.aupimo import pixel_AUPIMO
from tocoad.metrics.aupro_per_image import pixel_AUPRO_per_image
from tocoad.metrics.curves import precision_recall, roc
from tocoad.metrics.image import image_AP, image_AUROC, image_F1Max, rank_images
from tocoad.metrics.names import FURTHER_NAMES, METRIC_NAMES
from tocoad.metrics.pixel import pixel_AP, pixel_AUPRO, pixel_AUROC, pixel_F1Max
from tocoad.metrics.predictions import Figures, Predictions, evaluate_metrics

Item = TypeVar("Item")


def _mask(*rows: int) -> NDArray[np.bool_]:
    mask = np.zeros((6, 6), bool)
    mask[list(rows), 1:3] = True
    return mask


def _predictions(labels: list[int], masks: list[NDArray[np.bool_] | None], seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    return Predictions(
        gt_labels=np.array(labels, dtype=np.int64),
        pred_scores=rng.random(len(labels), dtype=np.float32),
        anomaly_maps=[rng.random((6, 6), dtype=np.float32) for _ in labels],
        gt_masks=masks,
    )


def _evaluate(predictions: Predictions, resamples: int = 0, seed: int = 0) -> Figures:
    return evaluate_metrics(predictions, pro_limit=0.2, resamples=resamples, seed=seed)


BOTH = _predictions([0, 0, 1, 1], [None, None, _mask(1, 4), _mask(2)])


def test_the_figures_are_those_of_the_single_functions() -> None:
    maps, masks = BOTH.anomaly_maps, BOTH.gt_masks
    truth, scores = BOTH.gt_labels, BOTH.pred_scores
    figures = _evaluate(BOTH)
    assert tuple(figures.metrics) == METRIC_NAMES
    assert figures.metrics == {
        "image_AUROC": image_AUROC(truth, scores),
        "image_AP": image_AP(truth, scores),
        "image_F1Max": image_F1Max(truth, scores),
        "pixel_AUROC": pixel_AUROC(maps, masks),
        "pixel_AP": pixel_AP(maps, masks),
        "pixel_F1Max": pixel_F1Max(maps, masks),
        "pixel_AUPRO": pytest.approx(pixel_AUPRO(maps, masks, 0.2), abs=1e-12),
    }
    assert tuple(figures.further) == FURTHER_NAMES
    assert figures.further == {
        "pixel_AUPRO_at_0.05": pytest.approx(pixel_AUPRO(maps, masks, 0.05), abs=1e-12),
        "pixel_AUPRO_per_image": pytest.approx(pixel_AUPRO_per_image(maps, masks), abs=1e-12),
        "pixel_AUPIMO": pytest.approx(pixel_AUPIMO(maps, masks), abs=1e-12),
    }


def test_the_curves_are_those_of_the_rankings() -> None:
    figures = _evaluate(BOTH)
    ranking = rank_images(BOTH.gt_labels, BOTH.pred_scores)
    assert ranking is not None
    precision, recall, _ = precision_recall(ranking)
    np.testing.assert_array_equal(figures.curves["roc"], roc(ranking))
    np.testing.assert_array_equal(figures.curves["pr"], (recall, precision))
    recall, precision = figures.curves["pixel_pr"]
    # Below 512 defect pixels every point is there, so the curve encloses the figure.
    assert np.sum(np.diff(recall, prepend=0) * precision) == pytest.approx(figures.metrics["pixel_AP"], abs=1e-12)
    fpr, overlap = figures.curves["pro"]
    assert (fpr[0], fpr[-1], len(fpr)) == (0, 0.2, 512)
    assert np.trapezoid(overlap, fpr) / 0.2 == pytest.approx(figures.metrics["pixel_AUPRO"], abs=0.01)


def test_a_long_pixel_curve_is_thinned_and_keeps_both_ends() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((64, 64)) < 0.5
    maps = [rng.random((64, 64), dtype=np.float32) + mask]
    predictions = Predictions(np.array([1]), np.array([1.0]), [m.astype(np.float32) for m in maps], [mask])
    recall, precision = _evaluate(predictions).curves["pixel_pr"]
    assert 400 < len(recall) <= 512
    assert (np.diff(recall) > 0).all()
    assert (recall[0], recall[-1]) == (1 / mask.sum(), 1.0)
    assert precision[-1] == pytest.approx(mask.sum() / (maps[0] >= maps[0][mask].min()).sum(), abs=1e-12)


def test_defective_images_without_a_mask_are_left_out_of_the_pixel_metrics_and_counted() -> None:
    predictions = _predictions([0, 1, 1, 1], [None, _mask(1), None, _mask(2)])
    assert predictions.without_mask == 2 - 1
    maps = [predictions.anomaly_maps[i] for i in (0, 1, 3)]
    assert _evaluate(predictions).metrics["pixel_AUROC"] == pixel_AUROC(maps, [None, _mask(1), _mask(2)])


@pytest.mark.parametrize(
    ("labels", "masks", "known"),
    [
        ([], [], ""),
        ([0, 0], [None, None], ""),
        ([0, 1], [None, None], "image"),
        ([1, 1], [_mask(1), _mask(2)], "pixel"),
        ([1, 1], [None, None], ""),
        ([0, 1], [None, _mask()], "image"),
        ([0, 1], [None, _mask(1)], "image pixel"),
    ],
)
def test_what_the_data_cannot_tell_is_none(
    labels: list[int], masks: list[NDArray[np.bool_] | None], known: str
) -> None:
    figures = _evaluate(_predictions(labels, masks), resamples=20)
    assert tuple(figures.metrics) == METRIC_NAMES
    for name, value in figures.metrics.items():
        assert (value is not None) == (name.partition("_")[0] in known.split()), name
    assert set(figures.replicates.values) == {name for name, value in figures.metrics.items() if value is not None}
    assert set(figures.curves) == {
        name
        for kind, names in (("image", ("roc", "pr")), ("pixel", ("pixel_pr", "pro")))
        if kind in known.split()
        for name in names
    }
    assert (figures.further["pixel_AUPIMO"] is not None) == (known == "image pixel")


class _OneAtATime(Sequence[Item]):
    """Gives copies, spoils each when the next is asked for, and counts how often it is asked."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._last: NDArray[np.generic] | None = None
        self.asked = 0

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:  # type: ignore[override]
        self.asked += 1
        if self._last is not None:
            self._last[:] = 0
        item = self._items[index]
        self._last = item.copy() if isinstance(item, np.ndarray) else None
        return item if self._last is None else self._last  # type: ignore[return-value]


def test_maps_and_masks_are_asked_for_one_at_a_time_and_not_kept() -> None:
    predictions = _predictions([0, 1, 0, 1, 1], [None, _mask(1), None, None, _mask(2, 4)])
    maps, masks = _OneAtATime(predictions.anomaly_maps), _OneAtATime(predictions.gt_masks)
    lazy = Predictions(predictions.gt_labels, predictions.pred_scores, maps, masks)
    once, again = _evaluate(predictions, resamples=30), _evaluate(lazy, resamples=30)
    assert (again.metrics, again.further) == (once.metrics, once.further)
    for name, values in once.replicates.values.items():
        np.testing.assert_array_equal(again.replicates.values[name], values)
    # Four images are judged, two of them have defect pixels: those, all, and all again.
    assert maps.asked == 2 + 4 + 4


def test_two_detectors_on_the_same_images_see_the_same_draws() -> None:
    labels, masks = [0, 0, 0, 1, 1, 1], [None, None, None, _mask(1), None, _mask(2)]
    one, other = (_evaluate(_predictions(labels, masks, seed), resamples=50, seed=9) for seed in (0, 1))
    same = _evaluate(_predictions(labels, masks), resamples=50, seed=9)
    shifted = _predictions(labels, masks)
    # Another detector in all its scores, of the same order: the same figures on the same draws.
    twice = Predictions(shifted.gt_labels, shifted.pred_scores * 2, [m * 3 for m in shifted.anomaly_maps], masks)
    for name, values in one.replicates.values.items():
        np.testing.assert_array_equal(values, same.replicates.values[name])
        np.testing.assert_array_equal(values, _evaluate(twice, resamples=50, seed=9).replicates.values[name])
        assert (values != other.replicates.values[name]).any()


def test_every_draw_has_a_defect_pixel_where_few_masks_are_known() -> None:
    masks = [None, _mask(1), *[None] * 8]
    figures = _evaluate(_predictions([0, *[1] * 9], masks), resamples=200)
    assert not np.isnan(list(figures.replicates.values.values())).any()
    low, high = figures.replicates.interval("pixel_AUROC") or (None, None)
    assert low == high == pytest.approx(figures.metrics["pixel_AUROC"], abs=1e-12)
