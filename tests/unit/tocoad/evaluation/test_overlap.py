"""What the gate is told of the test images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.calibrated import DISC, draw_calibrated
from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.data.training_images import TrainingImage, TrainingImages
from tocoad.errors import StageError
from tocoad.evaluation.overlap import present_test_data
from tocoad.files.workspace import Workspace
from tocoad.stages.graph import METHODS, output_dir


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    draw_calibrated(tmp_path, tmp_path / "package")
    return Workspace(tmp_path)


def tested_with(workspace: Workspace, **changed: str) -> None:
    """The second test image is another."""
    file = workspace.work_dir(DISC) / "manifest" / TEST_FILE
    first, second = (manifest := Manifest.load(file)).images
    manifest.model_copy(update={"images": (first, second.model_copy(update=changed))}).save(file)


def test_they_are_counted_by_type(workspace: Workspace) -> None:
    tested_with(workspace, defect_type="crack")
    found = present_test_data(workspace, DISC, "patchcore")
    assert (found.images, found.before, found.duplicates) == ({"good": 1, "crack": 1}, None, ())


@pytest.mark.parametrize("part", ["train", "calibration"])
def test_one_that_was_trained_or_calibrated_on_is_known_by_its_content(workspace: Workspace, part: str) -> None:
    trained = Manifest.load(workspace.work_dir(DISC) / "manifest" / TRAIN_FILE)
    tested_with(workspace, sha256=next(image.sha256 for image in trained.images if image.split == part))
    assert present_test_data(workspace, DISC, "patchcore").duplicates == ("test/good/051.png",)


def test_of_one_model_for_all_the_training_images_of_other_categories_count_too(workspace: Workspace) -> None:
    tested_with(workspace, sha256="of a bar")
    images = TrainingImages(categories={"bar": (TrainingImage(path="bar/train/good/0.png", sha256="of a bar"),)})
    listed = output_dir(workspace, DISC, "recontrast_unified", METHODS["recontrast_unified"].stage("list_unified"))
    listed.mkdir(parents=True)
    images.save(listed / "images.json")
    assert present_test_data(workspace, DISC, "recontrast_unified").duplicates == ("test/good/051.png",)
    assert present_test_data(workspace, DISC, "recontrast").duplicates == ()


def test_a_manifest_that_is_not_there_is_an_error_and_no_clean_bill(workspace: Workspace) -> None:
    (workspace.work_dir(DISC) / "manifest" / TRAIN_FILE).unlink()
    with pytest.raises(StageError, match=r"train\.json"):
        present_test_data(workspace, DISC, "patchcore")
