"""The stage `evaluate`: the detector package on the test images, with figures, predictions, curves and pictures."""

from __future__ import annotations

from pathlib import Path

from tocoad.data.manifest import Manifest
from tocoad.data.naming import NAME_MAX, cut_name
from tocoad.evaluation.evaluate import Evaluation, JudgedImage, evaluate_detector
from tocoad.evaluation.files import write_evaluation
from tocoad.evaluation.gallery import GALLERY_DIR, write_gallery
from tocoad.evaluation.overlay import contact_sheet, draw_strip, has_masks
from tocoad.evaluation.selection import spread
from tocoad.package.detector import Detector, load_detector
from tocoad.pictures.heatmap import Picture, png
from tocoad.stages.stage import StageContext, StageRecord

OVERLAYS_DIR, OVERVIEW_FILE = "overlays", "overview.png"
_OVERVIEW = 8


def evaluate(context: StageContext) -> StageRecord:
    """Reads `manifest` and `detector`; nothing before this stage has seen a test image."""
    manifest = Manifest.load(context.inputs["manifest"] / "test.json")
    detector = load_detector(context.inputs["detector"], context.settings.compute)
    evaluation = evaluate_detector(
        detector, manifest, context.data_dir, context.settings, context.progress, context.cache_dir
    )
    write_evaluation(evaluation, context.output_dir)
    _draw(evaluation, detector, context)
    shown = context.settings.evaluation.gallery
    write_gallery(evaluation.images, shown, context.data_dir, detector.card, context.output_dir / GALLERY_DIR)
    return StageRecord(metrics={str(name): value for name, value in evaluation.report.metrics.items()})


def _draw(evaluation: Evaluation, detector: Detector, context: StageContext) -> None:
    """The folder is there even when it stays empty: DVC wants every output to exist."""
    folder = context.output_dir / OVERLAYS_DIR
    folder.mkdir()
    count = context.settings.evaluation.overlays
    if count == 0 or not evaluation.images:
        return
    masks = has_masks(evaluation.images)

    def draw(image: JudgedImage) -> Picture:
        return draw_strip(image, context.data_dir, detector.card, masks)

    for number, image in enumerate(spread(evaluation.images, count)):
        (folder / _overlay_name(number, image)).write_bytes(png(draw(image)))
    usual = spread(evaluation.images, min(count, _OVERVIEW), extremes=False)
    (folder / OVERVIEW_FILE).write_bytes(png(contact_sheet([draw(image) for image in usual])))


def _overlay_name(number: int, image: JudgedImage) -> str:
    """The number tells them apart; type and stem are for the eye, and may be too long together."""
    named = f"{number:03d}_{image.record.defect_type}_{Path(image.record.path).stem}"
    return cut_name(named, NAME_MAX - len(".png")) + ".png"
