"""Pictures of the test images that champion and challenger judge otherwise: the image, and what each sees in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tocoad.data.manifest import TEST_FILE, ImageRecord, Manifest
from tocoad.evaluation.comparison_files import Drawn
from tocoad.evaluation.evaluate import judge_image
from tocoad.evaluation.overlay import Panels, draw_panels
from tocoad.evaluation.scoring import score_manifest
from tocoad.package.detector import load_detector
from tocoad.pictures.heatmap import webp
from tocoad.settings.sections import Settings


def draw_changed(folders: Mapping[str, Path], settings: str, names: str) -> dict[str, Drawn]:
    """By the images' paths. The folders are those of `comparison_folders`, settings and names are JSON: all can go to a
    worker, wherever it is.

    Raises:
        StageError: an image cannot be read, or a detector's answer is not finite.
    """
    chosen, wanted = Settings.model_validate_json(settings), set(json.loads(names))
    manifest = Manifest.load(folders["manifest"] / TEST_FILE)
    records = [record for record in manifest.split("test") if record.path in wanted]
    old, new = (_panels(folders[one], records, folders["images"], chosen) for one in ("champion", "challenger"))
    return {record.path: _drawn(*both) for record, *both in zip(records, old, new, strict=True)}


def _panels(package: Path, records: Sequence[ImageRecord], data_dir: Path, settings: Settings) -> list[Panels]:
    detector = load_detector(package, settings.compute)
    scored = score_manifest(detector, data_dir, records, settings.scoring.batch_size, settings.compute.threads)
    judged = (judge_image(image, image.anomaly_map, data_dir) for image in scored)
    return [draw_panels(image, data_dir, detector.card, masks=False) for image in judged]


def _drawn(old: Panels, new: Panels) -> Drawn:
    height, width = new.image.shape[:2]
    truth = {} if new.truth is None else {"truth": new.truth}
    shown = {"image": new.image, **truth, "champion": old.overlay, "challenger": new.overlay}
    return Drawn((width, height), {name: webp(picture) for name, picture in shown.items()})
