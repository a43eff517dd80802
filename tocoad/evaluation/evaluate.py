"""A detector against the truth of a test split."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import read_mask
from tocoad.data.manifest import ImageRecord, Manifest
from tocoad.evaluation.latency import Latency
from tocoad.evaluation.map_store import MapStore
from tocoad.evaluation.report import AtThreshold, Counts, EvaluationReport, Thresholds
from tocoad.evaluation.scoring import ScoredImage, score_manifest
from tocoad.gate.records import Candidate, ImageResult
from tocoad.metrics.bootstrap import Replicates
from tocoad.metrics.curves import f1_max
from tocoad.metrics.image import rank_images
from tocoad.metrics.names import MetricName
from tocoad.metrics.predictions import Figures, Predictions, evaluate_metrics
from tocoad.scoring.own_size import at_own_size
from tocoad.settings.sections import Settings
from tocoad.stages.stage import Progress, ProgressCallback, silent

if TYPE_CHECKING:
    from tocoad.package.detector import Detector

T = TypeVar("T")


@dataclass(frozen=True)
class JudgedImage:
    """One test image. Its map and mask are made anew at every access, at the image's own size: a thousand large ones
    never lie in memory together. `native_map` (S, S) is the detector's answer, `packed_mask` the truth as bits.
    """

    record: ImageRecord
    pred_score: np.float32
    pred_label: bool
    native_map: NDArray[np.float32]
    packed_mask: NDArray[np.uint8] | None

    @property
    def anomaly_map(self) -> NDArray[np.float32]:
        """(H, W) float32, raw."""
        return at_own_size(self.native_map, self.record.width, self.record.height)

    @property
    def gt_mask(self) -> NDArray[np.bool_] | None:
        """(H, W) bool; None where none is known."""
        if self.packed_mask is None:
            return None
        height, width = self.record.height, self.record.width
        return np.unpackbits(self.packed_mask, count=height * width).view(np.bool_).reshape(height, width)

    @property
    def result(self) -> ImageResult:
        """Without the map."""
        return ImageResult(
            image_path=self.record.path,
            defect_type=self.record.defect_type,
            gt_label=self.record.gt_label,
            pred_score=float(self.pred_score),
            pred_label=self.pred_label,
        )


@dataclass(frozen=True)
class Evaluation:
    """The test images in the manifest's order, and the figures."""

    images: tuple[JudgedImage, ...]
    figures: Figures
    report: EvaluationReport
    latency: Latency

    def candidate(self) -> Candidate:
        """What the gate reads; equal to what `read_candidate` reads from the written files."""
        return Candidate(
            metrics=self.report.metrics,
            evaluation_set=self.report.evaluation_set,
            replicates=as_tuples(self.figures.replicates),
            images=tuple(image.result for image in self.images),
            promise=self.report.threshold.promise,
        )


def evaluate_detector(
    detector: Detector,
    manifest: Manifest,
    data_dir: Path,
    settings: Settings,
    progress: ProgressCallback = silent,
    scratch: Path | None = None,
) -> Evaluation:
    """Judges `detector` on the test part of `manifest`; what the data cannot tell is None (methods.md: evaluation).

    The raw maps lie in a nameless file in `scratch`; None: where the system keeps temporary files, often in memory.

    Raises:
        DataError: an image or a mask cannot be read.
        StageError: the detector's answer to an image is not finite, or there is no room for the maps.
    """
    records = manifest.split("test")
    store = MapStore(len(records), detector.image_size, scratch or Path(tempfile.gettempdir()))
    images: list[JudgedImage] = []
    seconds: list[float] = []
    scored = score_manifest(detector, data_dir, records, settings.scoring.batch_size, settings.compute.threads)
    for image in scored:
        images.append(judge_image(image, store.put(len(images), image.anomaly_map), data_dir))
        seconds.append(image.seconds)
        progress(Progress(len(images), len(records)))
    predictions = Predictions(
        gt_labels=np.array([image.record.gt_label for image in images], dtype=np.int64),
        pred_scores=np.array([image.pred_score for image in images], dtype=np.float32),
        anomaly_maps=_OnDemand(images, lambda image: image.anomaly_map),
        gt_masks=_OnDemand(images, lambda image: image.gt_mask),
    )
    evaluation_set = manifest.model_copy(update={"images": records}).digest
    figures = evaluate_metrics(
        predictions,
        pro_limit=settings.evaluation.pro_limit,
        resamples=settings.evaluation.bootstrap,
        seed=bootstrap_seed(evaluation_set),
    )
    report = _report(detector, images, predictions, figures, evaluation_set, settings)
    latency = Latency.of(seconds, detector.device, settings.compute.threads)
    return Evaluation(tuple(images), figures, report, latency)


def bootstrap_seed(evaluation_set: str) -> int:
    """The draws belong to the images, not to a run: any two detectors judged on the same set can be paired."""
    return int(evaluation_set[:8], 16)


def as_tuples(replicates: Replicates) -> dict[MetricName, tuple[float, ...]]:
    return {name: tuple(values.tolist()) for name, values in replicates.values.items()}


class _OnDemand(Sequence[T]):
    """A property of every image as a sequence that keeps none of its items."""

    def __init__(self, images: Sequence[JudgedImage], get: Callable[[JudgedImage], T]) -> None:
        self._images, self._get = images, get

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return _OnDemand(self._images[index], self._get)
        return self._get(self._images[index])


def judge_image(image: ScoredImage, native_map: NDArray[np.float32], data_dir: Path) -> JudgedImage:
    """The label comes from the folder, never from the mask."""
    record = image.record
    packed = None
    if record.gt_label == 1 and record.mask_path is not None:
        packed = np.packbits(read_mask(data_dir / record.mask_path))
    return JudgedImage(record, image.pred_score, image.pred_label, native_map, packed)


def _report(
    detector: Detector,
    images: Sequence[JudgedImage],
    predictions: Predictions,
    figures: Figures,
    evaluation_set: str,
    settings: Settings,
) -> EvaluationReport:
    ranking = rank_images(predictions.gt_labels, predictions.pred_scores)
    defective = int(predictions.gt_labels.sum())
    intervals = {name: figures.replicates.interval(name) for name in figures.metrics}
    return EvaluationReport(
        metrics=figures.metrics,
        intervals={name: interval for name, interval in intervals.items() if interval is not None},
        further=figures.further,
        threshold=Thresholds.of(detector.card.image_threshold, detector.card.pixel_threshold),
        at_threshold=AtThreshold.count([image.record for image in images], [image.pred_label for image in images]),
        counts=Counts(good=len(images) - defective, defective=defective, without_mask=predictions.without_mask),
        oracle_F1_threshold=None if ranking is None else f1_max(ranking)[1],
        pro_limit=settings.evaluation.pro_limit,
        resamples=settings.evaluation.bootstrap,
        evaluation_set=evaluation_set,
    )
