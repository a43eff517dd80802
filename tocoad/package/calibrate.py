"""From trained networks to a detector package: thresholds from calibration normals, and provenance."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from tocoad.calibration.conformal import conformal_threshold
from tocoad.calibration.pixel import pixel_threshold
from tocoad.data.cache import stage_images
from tocoad.data.manifest import Manifest
from tocoad.nn.device import Compute
from tocoad.package.card import Calibration, DetectorCard, Provenance
from tocoad.package.detector import Detector, ScoringModel, score_images
from tocoad.package.probes import pack_probes, probe_images
from tocoad.package.reference import build_reference, pack_reference
from tocoad.stages.shared import DETECTOR_DIR
from tocoad.stages.stage import StageContext

_VERSIONS = ("torch", "torchvision", "timm", "numpy", "pillow")
# The heat maps' scale: black at the median of the calibration pixels, full at this many times the way to the threshold.
_SCALE_REACH = 3.0


def calibrated_detector(
    context: StageContext,
    model_name: str,
    model: ScoringModel,
    manifest: Manifest,
    compute: Compute,
    serves: tuple[str, ...] = (),
) -> Detector:
    """The detector whose thresholds come from the calibration normals of `manifest` alone.

    See methods.md: score and thresholds.
    """
    settings = context.settings
    images = calibration_images(context, manifest)
    maps, scores = score_images(model, images, compute)
    threshold = conformal_threshold(scores, settings.calibration.false_reject_rate)
    pixel = pixel_threshold(list(maps), settings.calibration.pixel_false_reject_rate)
    card = DetectorCard(
        dataset=manifest.dataset,
        category=manifest.category,
        serves=serves,
        method=context.method,
        model=model_name,
        architecture=model.architecture,
        image_size=settings.image.size,
        depth=manifest.depth,
        autocast=compute.use_autocast,
        image_threshold=threshold,
        pixel_threshold=pixel,
        calibration=Calibration(scores=tuple(float(score) for score in scores), scale=_scale(maps, pixel)),
        provenance=Provenance(
            manifest_sha256=manifest.digest,
            train_images=len(manifest.split("train")),
            calibration_images=len(images),
            settings=settings.model_dump(mode="json", include=set(context.params)),
            versions={name: version(name) for name in _VERSIONS},
        ),
    )
    return Detector(card, model, settings.compute)


def save_detector(
    context: StageContext,
    name: str,
    model: ScoringModel,
    manifest: Manifest,
    compute: Compute,
    serves: tuple[str, ...] = (),
) -> dict[str, float]:
    """Calibrates the model and writes the detector package; returns the image threshold and what it promises."""
    detector = calibrated_detector(context, name, model, manifest, compute, serves)
    folder = context.output_dir / DETECTOR_DIR
    detector.save(folder)
    normals = calibration_images(context, manifest)
    scores = np.array(detector.card.calibration.scores, np.float32)
    reference = build_reference(model, stage_images(context, manifest, "train"), normals, scores, compute)
    detector = pack_reference(folder, detector, reference)
    files = [context.data_dir / record.path for record in manifest.split("calibration")]
    pack_probes(folder, detector.as_loaded(), probe_images(normals, files))
    threshold = detector.card.image_threshold
    return {
        "image_threshold": threshold.value,
        "expected_false_reject_rate": threshold.expected_false_reject_rate,
    }


def calibration_images(context: StageContext, manifest: Manifest) -> NDArray[np.uint8]:
    """(N, S, S, 3), in the manifest's order."""
    return stage_images(context, manifest, "calibration")


def _scale(maps: NDArray[np.float32], threshold: float) -> tuple[float, float]:
    low = float(np.median(maps))
    return low, low + _SCALE_REACH * max(threshold - low, 1e-6)
