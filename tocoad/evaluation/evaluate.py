"""A detector against the truth of a test split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.config import Settings
from tocoad.data.images import read_mask
from tocoad.data.manifest import ImageRecord, Manifest
from tocoad.evaluation.report import AtThreshold, Counts, EvaluationReport, Thresholds
from tocoad.evaluation.scoring import ScoredImage, score_manifest
from tocoad.gate.records import Candidate, ImagePrediction
from tocoad.metrics.curves import f1_max
from tocoad.metrics.image import rank_images
from tocoad.metrics.predictions import Predictions, evaluate_metrics
from tocoad.stage import Progress, ProgressCallback, silent

if TYPE_CHECKING:
    from tocoad.package.detector import Detector


@dataclass(frozen=True)
class JudgedImage:
    """`anomaly_map` (H, W) float32 is raw, at the mask's or the image's own size; `gt_mask` (H, W) bool, None where
    none is known.
    """

    record: ImageRecord
    pred_score: np.float32
    pred_label: bool
    anomaly_map: NDArray[np.float32]
    gt_mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Evaluation:
    """The test images in the manifest's order, and the figures."""

    images: tuple[JudgedImage, ...]
    report: EvaluationReport

    def candidate(self) -> Candidate:
        """What the gate reads; equal to what `read_candidate` reads from the written files."""
        return Candidate(
            metrics=self.report.metrics,
            evaluation_set=self.report.evaluation_set,
            predictions={
                image.record.path: ImagePrediction(image.record.gt_label, float(image.pred_score))
                for image in self.images
            },
        )


def evaluate_detector(
    detector: Detector, manifest: Manifest, data_dir: Path, settings: Settings, progress: ProgressCallback = silent
) -> Evaluation:
    """Judges `detector` on the test part of `manifest`; what the data cannot tell is None (methods 5).

    Raises:
        DataError: an image or a mask cannot be read.
        StageError: the detector's answer to an image is not finite.
    """
    records = manifest.split("test")
    images = []
    scored = score_manifest(detector, data_dir, records, settings.scoring.batch_size, settings.compute.threads)
    for image in scored:
        images.append(_judge(image, data_dir))
        progress(Progress(len(images), len(records)))
    evaluation_set = manifest.model_copy(update={"images": records}).digest
    report = _report(detector, images, evaluation_set, settings.evaluation.pro_limit)
    return Evaluation(tuple(images), report)


def _judge(image: ScoredImage, data_dir: Path) -> JudgedImage:
    """The label comes from the folder; the map is brought to the truth's size, never the truth to the map's."""
    record = image.record
    has_mask = record.gt_label == 1 and record.mask_path is not None
    gt_mask = read_mask(data_dir / str(record.mask_path)) if has_mask else None
    height, width = gt_mask.shape if gt_mask is not None else (record.height, record.width)
    anomaly_map = cv2.resize(image.anomaly_map, (width, height), interpolation=cv2.INTER_LINEAR)
    return JudgedImage(record, image.pred_score, image.pred_label, anomaly_map.astype(np.float32, copy=False), gt_mask)


def _report(detector: Detector, images: list[JudgedImage], evaluation_set: str, pro_limit: float) -> EvaluationReport:
    predictions = Predictions(
        gt_labels=np.array([image.record.gt_label for image in images], dtype=np.int64),
        pred_scores=np.array([image.pred_score for image in images], dtype=np.float32),
        anomaly_maps=[image.anomaly_map for image in images],
        gt_masks=[image.gt_mask for image in images],
    )
    ranking = rank_images(predictions.gt_labels, predictions.pred_scores)
    defective = int(predictions.gt_labels.sum())
    return EvaluationReport(
        metrics=evaluate_metrics(predictions, pro_limit),
        threshold=Thresholds.of(detector.card.image_threshold, detector.card.pixel_threshold),
        at_threshold=AtThreshold.count([image.record for image in images], [image.pred_label for image in images]),
        counts=Counts(good=len(images) - defective, defective=defective, without_mask=predictions.without_mask),
        oracle_F1_threshold=None if ranking is None else f1_max(ranking)[1],
        pro_limit=pro_limit,
        evaluation_set=evaluation_set,
    )
