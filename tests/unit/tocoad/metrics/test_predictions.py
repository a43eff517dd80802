from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tocoad.metrics.image import image_AP, image_AUROC, image_F1Max
from tocoad.metrics.names import METRIC_NAMES
from tocoad.metrics.pixel import pixel_AP, pixel_AUPRO, pixel_AUROC, pixel_F1Max
from tocoad.metrics.predictions import Predictions, evaluate_metrics


def _mask(*rows: int) -> NDArray[np.bool_]:
    mask = np.zeros((6, 6), bool)
    mask[list(rows), 1:3] = True
    return mask


def _predictions(labels: list[int], masks: list[NDArray[np.bool_] | None]) -> Predictions:
    rng = np.random.default_rng(0)
    return Predictions(
        gt_labels=np.array(labels, dtype=np.int64),
        pred_scores=rng.random(len(labels), dtype=np.float32),
        anomaly_maps=[rng.random((6, 6), dtype=np.float32) for _ in labels],
        gt_masks=masks,
    )


def test_the_seven_are_those_of_the_single_functions() -> None:
    predictions = _predictions([0, 0, 1, 1], [None, None, _mask(1, 4), _mask(2)])
    maps, masks = predictions.anomaly_maps, predictions.gt_masks
    truth, scores = predictions.gt_labels, predictions.pred_scores
    metrics = evaluate_metrics(predictions, 0.2)
    assert tuple(metrics) == METRIC_NAMES
    assert metrics == {
        "image_AUROC": image_AUROC(truth, scores),
        "image_AP": image_AP(truth, scores),
        "image_F1Max": image_F1Max(truth, scores),
        "pixel_AUROC": pixel_AUROC(maps, masks),
        "pixel_AP": pixel_AP(maps, masks),
        "pixel_F1Max": pixel_F1Max(maps, masks),
        "pixel_AUPRO": pytest.approx(pixel_AUPRO(maps, masks, 0.2), abs=1e-12),
    }


def test_defective_images_without_a_mask_are_left_out_of_the_pixel_metrics_and_counted() -> None:
    predictions = _predictions([0, 1, 1, 1], [None, _mask(1), None, _mask(2)])
    assert predictions.without_mask == 2 - 1
    maps = [predictions.anomaly_maps[i] for i in (0, 1, 3)]
    assert evaluate_metrics(predictions)["pixel_AUROC"] == pixel_AUROC(maps, [None, _mask(1), _mask(2)])


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
    metrics = evaluate_metrics(_predictions(labels, masks))
    assert tuple(metrics) == METRIC_NAMES
    for name, value in metrics.items():
        assert (value is not None) == (name.partition("_")[0] in known.split()), name
