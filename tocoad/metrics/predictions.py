"""What a detector said about the images of a test split, beside the truth; and every figure of it in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.bootstrap import Replicates, draw_images
from tocoad.metrics.curves import auroc, average_precision, f1_max, precision_recall, roc
from tocoad.metrics.image import rank_images
from tocoad.metrics.names import FURTHER_NAMES, METRIC_NAMES, CurveName, FurtherName, MetricName
from tocoad.metrics.pixel_figures import PixelFigures, pixel_figures
from tocoad.metrics.pixel_stream import Maps, Masks
from tocoad.metrics.replicates import image_replicates, pixel_replicates

Item = TypeVar("Item")
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


class Picked(Sequence[Item]):
    """Some items of a sequence, each asked of it only when it is asked for here."""

    def __init__(self, items: Sequence[Item], picked: Sequence[int]) -> None:
        self._items, self._picked = items, picked

    def __len__(self) -> int:
        return len(self._picked)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Picked[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Picked[Item]:
        if isinstance(index, slice):
            return Picked(self._items, self._picked[index])
        return self._items[self._picked[index]]


@dataclass(frozen=True)
class Predictions:
    """N images: `gt_labels` (N,) of 0 and 1 and `pred_scores` (N,), higher = more anomalous.

    `anomaly_maps` (H_i, W_i) float32 and `gt_masks` (H_i, W_i) bool are of the same size image by image. A mask is None
    where none is known: a good image is then normal everywhere, a defective one is left out of the pixel metrics.

    Both sequences may compute what they return when it is asked for: the metrics go through them one image at a time,
    a few times, and keep nothing.
    """

    gt_labels: NDArray[np.integer[Any]]
    pred_scores: NDArray[np.floating[Any]]
    anomaly_maps: Sequence[NDArray[np.float32]]
    gt_masks: Sequence[NDArray[np.bool_] | None]

    @property
    def without_mask(self) -> int:
        """Defective images that the pixel metrics leave out."""
        return len(self.gt_labels) - len(self.judged)

    @cached_property
    def judged(self) -> list[int]:
        """The images that the pixel metrics judge."""
        return [i for i, label in enumerate(self.gt_labels) if not label or self.gt_masks[i] is not None]

    def pixels(self) -> tuple[Maps, Masks]:
        """Maps and masks of the images that the pixel metrics judge, as lazily as they came."""
        return Picked(self.anomaly_maps, self.judged), Picked(self.gt_masks, self.judged)


@dataclass(frozen=True)
class Figures:
    """`curves` hold x and y: `roc` (fpr, tpr), `pr` and `pixel_pr` (recall, precision), `pro` (fpr, overlap, up to the
    limit); the pixel curves are thinned to 512 points. What the data cannot tell is None in `metrics` and `further`,
    and absent in `curves` and `replicates`.
    """

    metrics: dict[MetricName, float | None]
    further: dict[FurtherName, float | None]
    curves: dict[CurveName, Curve]
    replicates: Replicates


def evaluate_metrics(predictions: Predictions, *, pro_limit: float, resamples: int, seed: int) -> Figures:
    """Every figure, exactly, and the seven metrics on `resamples` bootstrap draws of the images (0: none).

    None where the data cannot tell: image metrics need good and defective images, pixel metrics a known defect pixel
    and a normal one. Two evaluations of the same images with the same `seed` and `resamples` have the same draws.
    """
    metrics: dict[MetricName, float | None] = dict.fromkeys(METRIC_NAMES)
    further: dict[FurtherName, float | None] = dict.fromkeys(FURTHER_NAMES)
    curves: dict[CurveName, Curve] = {}
    images = rank_images(predictions.gt_labels, predictions.pred_scores)
    if images is not None:
        metrics["image_AUROC"] = auroc(images)
        metrics["image_AP"] = average_precision(images)
        metrics["image_F1Max"] = f1_max(images)[0]
        curves["roc"] = roc(images)
        precision, recall, _ = precision_recall(images)
        curves["pr"] = recall, precision
    pixels = pixel_figures(*predictions.pixels(), pro_limit, resampled=resamples > 0)
    if pixels is not None:
        metrics |= pixels.metrics
        further |= pixels.further
        curves |= pixels.curves
    values: dict[MetricName, NDArray[np.float64]] = {}
    if resamples > 0:
        draws = draw_images(_kinds(predictions, pixels), resamples, seed)
        if images is not None:
            values |= image_replicates(draws, predictions.gt_labels, predictions.pred_scores)
        if pixels is not None and pixels.tables is not None:
            judged = draws[:, predictions.judged]
            values |= pixel_replicates(judged, pixels.tables, pixels.defects, pro_limit)
    return Figures(metrics, further, curves, Replicates(values))


def _kinds(predictions: Predictions, pixels: PixelFigures | None) -> NDArray[np.int64]:
    """Good and defective images, those with and those without a defect pixel or a normal one: with an image of each
    kind in every draw, no draw leaves a metric undefined.
    """
    kinds = predictions.gt_labels.astype(np.int64)
    if pixels is not None and pixels.tables is not None:
        kinds[predictions.judged] += 2 * (pixels.defects.regions > 0) + 4 * (pixels.tables.normal_total > 0)
    return kinds
