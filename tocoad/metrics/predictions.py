"""What a detector said about the images of a test split, beside the truth: the input of the seven metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.aupro import PRO_LIMIT, aupro
from tocoad.metrics.curves import auroc, average_precision, f1_max
from tocoad.metrics.image import rank_images
from tocoad.metrics.names import MetricName
from tocoad.metrics.pixel import Maps, Masks, known_region_weights, rank_pixels


@dataclass(frozen=True)
class Predictions:
    """N images: `gt_labels` (N,) of 0 and 1 and `pred_scores` (N,), higher = more anomalous.

    `anomaly_maps` (H_i, W_i) float32 and `gt_masks` (H_i, W_i) bool are of the same size image by image. A mask is None
    where none is known: a good image is then normal everywhere, a defective one is left out of the pixel metrics.
    """

    gt_labels: NDArray[np.integer[Any]]
    pred_scores: NDArray[np.floating[Any]]
    anomaly_maps: Sequence[NDArray[np.float32]]
    gt_masks: Sequence[NDArray[np.bool_] | None]

    @property
    def without_mask(self) -> int:
        """Defective images that the pixel metrics leave out."""
        return len(self.gt_labels) - len(self._judged())

    def pixels(self) -> tuple[Maps, Masks]:
        """Maps and masks of the images that the pixel metrics judge."""
        judged = self._judged()
        return [self.anomaly_maps[i] for i in judged], [self.gt_masks[i] for i in judged]

    def _judged(self) -> list[int]:
        return [i for i, mask in enumerate(self.gt_masks) if mask is not None or not self.gt_labels[i]]


def evaluate_metrics(predictions: Predictions, pro_limit: float = PRO_LIMIT) -> dict[MetricName, float | None]:
    """The seven, from one sort of the images' scores and one of all pixels.

    None where the data cannot tell: image metrics need good and defective images, pixel metrics a known defect pixel.
    """
    metrics: dict[MetricName, float | None] = {
        "image_AUROC": None,
        "image_AP": None,
        "image_F1Max": None,
        "pixel_AUROC": None,
        "pixel_AP": None,
        "pixel_F1Max": None,
        "pixel_AUPRO": None,
    }
    images = rank_images(predictions.gt_labels, predictions.pred_scores)
    if images is not None:
        metrics["image_AUROC"] = auroc(images)
        metrics["image_AP"] = average_precision(images)
        metrics["image_F1Max"] = f1_max(images)[0]
    maps, masks = predictions.pixels()
    pixels = rank_pixels(maps, masks)
    if pixels is not None:
        metrics["pixel_AUROC"] = auroc(pixels)
        metrics["pixel_AP"] = average_precision(pixels)
        metrics["pixel_F1Max"] = f1_max(pixels)[0]
        metrics["pixel_AUPRO"] = aupro(pixels, known_region_weights(masks), pro_limit)
    return metrics
