"""The reference of a package: packed at fit, of calibration images, and read back as it was."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from toys import DISC, SIZE, draw, draw_toys

from tests.helpers.packages import as_format_1
from tocoad.data.images import load_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.files.workspace import Workspace
from tocoad.package.card import REFERENCE_FILE, package_sha256, read_card
from tocoad.package.detector import PackageError, load_detector
from tocoad.package.reference import measured, read_reference
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings
from tocoad.stages.graph import detector_dir, manifest_dir
from tocoad.stages.running import run_stage
from tocoad.watch.look import look

SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=6),
    encoder=EncoderSettings(name="resnet18", weights="none"),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = draw_toys(tmp_path_factory.mktemp("toys"))
    for stage in ("manifest", "fit"):
        run_stage(made, DISC, "patchcore", stage, SETTINGS)
    return made


@pytest.fixture
def package(workspace: Workspace, tmp_path: Path) -> Path:
    """A copy of what `fit` left, to spoil."""
    folder = tmp_path / "detector"
    folder.mkdir()
    for file in detector_dir(workspace, DISC, "patchcore").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_fit_packs_what_its_calibration_images_are_like(workspace: Workspace, package: Path) -> None:
    detector = load_detector(package)
    reference = read_reference(package, detector)
    assert reference is not None
    manifest = Manifest.load(manifest_dir(workspace, DISC) / TRAIN_FILE)
    files = [workspace.data_dir(DISC) / record.path for record in manifest.split("calibration")]
    images = load_images(files, SIZE, manifest.depth)
    assert reference.values.shape == (len(files), 9) and len(reference.names) == 9
    assert reference.values[:, 0].tolist() == list(detector.card.calibration.scores)
    assert measured(detector, reference, images) == pytest.approx(reference.values, rel=1e-4, abs=1e-4)


def test_the_same_fit_is_the_same_reference_and_the_package_stands_for_it(tmp_path: Path, package: Path) -> None:
    again = draw_toys(tmp_path / "again")
    for stage in ("manifest", "fit"):
        run_stage(again, DISC, "patchcore", stage, SETTINGS)
    other = detector_dir(again, DISC, "patchcore")
    assert (other / REFERENCE_FILE).read_bytes() == (package / REFERENCE_FILE).read_bytes()
    assert package_sha256(other) == package_sha256(package)
    card, _ = read_card(package)
    assert card.reference_sha256 == hashlib.sha256((package / REFERENCE_FILE).read_bytes()).hexdigest()


def test_new_images_are_as_before_and_dark_ones_are_darker(package: Path) -> None:
    detector = load_detector(package)
    reference = read_reference(package, detector)
    assert reference is not None
    new = np.stack([draw("disc", number)[..., ::-1] for number in range(100, 116)])  # OpenCV draws in BGR
    assert not look(reference, measured(detector, reference, new), 0.01).is_alarm
    dark = look(reference, measured(detector, reference, (new * 0.7).astype(np.uint8)), 0.01)
    assert dark.is_alarm and "darker" in dark.sentence


def test_a_package_of_before_has_none_and_loads(package: Path) -> None:
    folder = as_format_1(package)
    assert not (folder / REFERENCE_FILE).exists()
    assert read_reference(folder, load_detector(folder)) is None


@pytest.mark.parametrize("damage", ["gone", "cut", "another"])
def test_one_that_is_not_what_was_packaged_is_refused_by_name_and_the_detector_still_predicts(
    package: Path, damage: str
) -> None:
    file = package / REFERENCE_FILE
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[:100] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    detector = load_detector(package)
    with pytest.raises(PackageError, match=r"reference\.npz: .*: get the package again"):
        read_reference(package, detector)
    assert np.isfinite(detector.predict(draw("disc", 1)[None]).pred_score).all()
