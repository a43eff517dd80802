"""The same scene in 8, 12 and 16 bit, from the files to the figures, the pictures and the prediction."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from deep_files import packed_tiff, png16
from numpy.typing import NDArray
from toys import DISC, SIZE, draw_toys

from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.files.workspace import Category, Workspace
from tocoad.package.detector import load_detector
from tocoad.predict.files import find_images, predict_files
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings
from tocoad.stages.graph import detector_dir, evaluation_dir, manifest_dir
from tocoad.stages.running import run_stage, weights_sha256

SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=4),
    encoder=EncoderSettings(name="resnet18", weights="none"),
)

Wide = NDArray[np.uint16]
# Of an 8-bit image's values, the file and its depth as the package has it.
ENCODINGS: dict[str, tuple[str, Callable[[Path, Wide], object], dict[str, Any] | None]] = {
    "mono12": (".png", lambda file, values: png16(file, values * 16), {"bits": 12}),
    "full16": (".png", lambda file, values: png16(file, values * 257), None),
    "said12": (".png", lambda file, values: png16(file, values * 16, 12), {"bits": 16, "declared": "sensor"}),
    "spread12": (".png", lambda file, values: png16(file, values * 257, 12), {"bits": 16, "declared": "spread"}),
    "packed12": (".tif", lambda f, values: packed_tiff(f, values * 16, 12), {"bits": 16, "declared": "sensor"}),
}


def judged(workspace: Workspace, category: Category, split_as: Manifest | None = None) -> Manifest:
    """Runs the stages of the control; `split_as` has the parts, which fall otherwise for files of other bytes."""
    run_stage(workspace, category, "patchcore", "manifest", SETTINGS)
    file = manifest_dir(workspace, category) / TRAIN_FILE
    listed = Manifest.load(file)
    if split_as is not None:
        parts = {Path(image.path).stem: image.split for image in split_as.images}
        images = tuple(image.model_copy(update={"split": parts[Path(image.path).stem]}) for image in listed.images)
        listed.model_copy(update={"images": images}).save(file)
    for stage in ("fit", "evaluate"):
        run_stage(workspace, category, "patchcore", stage, SETTINGS)
    return listed


def figures(workspace: Workspace, category: Category) -> dict[str, Any]:
    """All that was found out about the category, in numbers and in pictures."""
    package, evaluation = (of(workspace, category, "patchcore") for of in (detector_dir, evaluation_dir))
    detector = load_detector(package)
    report = json.loads((evaluation / "metrics.json").read_text())
    tested = find_images([workspace.data_dir(category) / "test"]).images
    predictions = [(p.found.file.stem, p.error, p.pred_score) for p in predict_files(detector, tested)]
    return {
        "weights": weights_sha256(package),
        "thresholds": (detector.card.image_threshold, detector.card.pixel_threshold, detector.card.calibration),
        "metrics": (report["metrics"], report["at_threshold"]),
        "predictions": predictions,
        "pictures": {file.name: file.read_bytes() for file in (evaluation / "gallery").glob("*.webp")},
    }


@pytest.fixture(scope="module")
def eight_bit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Manifest]:
    workspace = draw_toys(tmp_path_factory.mktemp("toys"))
    return workspace, judged(workspace, DISC)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_scene_at_another_depth_has_the_same_figures(
    eight_bit: tuple[Workspace, Manifest], encoding: str
) -> None:
    workspace, listed = eight_bit
    suffix, write, depth = ENCODINGS[encoding]
    category = Category("toys", encoding)
    drawn = workspace.data_dir(DISC)
    for file in sorted(drawn.rglob("*.png")):
        target = workspace.data_dir(category) / file.relative_to(drawn)
        values = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if "ground_truth" in target.parts:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        else:
            write(target.with_suffix(suffix), values[..., ::-1].astype(np.uint16))
    found = judged(workspace, category, listed)
    card = json.loads((detector_dir(workspace, category, "patchcore") / "detector.json").read_text())
    assert card.get("depth") == depth
    assert (found.depth.model_dump() if depth else None) == depth
    assert figures(workspace, category) == figures(workspace, DISC)


def test_a_package_of_8_bit_images_does_not_mention_a_depth(eight_bit: tuple[Workspace, Manifest]) -> None:
    workspace, _ = eight_bit
    assert b"depth" not in (detector_dir(workspace, DISC, "patchcore") / "detector.json").read_bytes()
    assert b"depth" not in (manifest_dir(workspace, DISC) / TRAIN_FILE).read_bytes()
