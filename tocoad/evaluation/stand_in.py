"""Where there are no defective test images: made anomalies on held-out normals stand in for them.

They are drawn by the validation's generator, which is another than the training's, on calibration images, which nothing
was trained on. Both detectors of a comparison are scored on the same ones: all that decides them is the category's
images and the settings. What such figures are worth is the generator's worth; who shows them says what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import load_images
from tocoad.data.manifest import GOOD, TEST_FILE, TRAIN_FILE, Manifest
from tocoad.evaluation.evaluate import as_tuples, bootstrap_seed
from tocoad.evaluation.folders import TEXTURES
from tocoad.evaluation.report import Thresholds
from tocoad.gate.records import MADE, Candidate, ImageResult
from tocoad.metrics.predictions import Predictions, evaluate_metrics
from tocoad.package.detector import Prediction, load_detector
from tocoad.settings.sections import Settings
from tocoad.synthesis.foreground import decide_foreground
from tocoad.synthesis.generator import AnomalyGenerator
from tocoad.synthesis.textures import load_textures
from tocoad.synthesis.validation import normal_number, validation_set

# More of them make no more images, and take memory.
_NORMALS = 64
# Times `gate.images_min`, of which half are to have an anomaly: now and then no draw gives one.
_PLENTY = 3


@dataclass(frozen=True)
class MadeImages:
    """Images (N, S, S, 3) with their masks (N, S, S), empty where one is as it was, and the normals below them."""

    images: NDArray[np.uint8]
    gt_masks: NDArray[np.bool_]
    normals: tuple[str, ...]


def stand_in(folders: Mapping[str, Path], settings: str) -> Candidate:
    """What the gate reads of a package, with figures of made anomalies. The folders are those of `evaluation_folders`
    and the textures, where the generator takes some; `settings` are JSON: all can go to a worker, wherever it is.
    """
    chosen = Settings.model_validate_json(settings)
    detector = load_detector(folders["package"], chosen.compute)
    made = make_images(folders, chosen)
    found = detector.predict(made.images)
    gt_labels = np.array([mask.any() for mask in made.gt_masks], np.int64)
    evaluation_set = Manifest.load(folders["manifest"] / TEST_FILE).digest
    figures = evaluate_metrics(
        Predictions(gt_labels, found.pred_score, list(found.anomaly_map), list(made.gt_masks)),
        pro_limit=chosen.evaluation.pro_limit,
        resamples=chosen.evaluation.bootstrap,
        seed=bootstrap_seed(evaluation_set),
    )
    return Candidate(
        metrics=figures.metrics,
        evaluation_set=evaluation_set,
        replicates=as_tuples(figures.replicates),
        promise=Thresholds.of(detector.card.image_threshold, detector.card.pixel_threshold).promise,
        synthetic=True,
        made=_results(made, gt_labels, found),
    )


def make_images(folders: Mapping[str, Path], settings: Settings) -> MadeImages:
    """As many as `synthesis.validation_count` and more than `gate.images_min` needs: every other one is a normal as it
    is.
    """
    manifest = Manifest.load(folders["manifest"] / TRAIN_FILE)
    records, synthesis = manifest.split("calibration")[:_NORMALS], settings.synthesis
    files = [folders["images"] / record.path for record in records]
    normals = load_images(files, settings.image.size, manifest.depth, settings.compute.threads)
    rule = decide_foreground(normals)
    foreground = rule.masks(normals) if rule.kind == "object" and synthesis.foreground == "auto" else None
    textures = load_textures(synthesis.model_copy(update={"texture_dir": folders.get(TEXTURES)}), settings.image.size)
    recipes = (synthesis.validation,)
    generator = AnomalyGenerator(recipes, normals, foreground, textures, rule.kind, settings.seed)
    count = max(synthesis.validation_count, _PLENTY * settings.gate.images_min)
    images, gt_masks = validation_set(generator, count)
    below = (records[normal_number(number, len(records))].path for number in range(len(images)))
    return MadeImages(images, gt_masks, tuple(below))


def _results(made: MadeImages, gt_labels: NDArray[np.int64], found: Prediction) -> tuple[ImageResult, ...]:
    return tuple(
        ImageResult(
            image_path=path,
            defect_type=MADE if gt_label else GOOD,
            gt_label=int(gt_label),
            pred_score=float(score),
            pred_label=bool(label),
        )
        for path, gt_label, score, label in zip(
            made.normals, gt_labels, found.pred_score, found.pred_label, strict=True
        )
    )
