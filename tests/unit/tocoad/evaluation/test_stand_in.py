"""Made anomalies where there are no defects: the same for every detector, on held-out normals, and told as what they
are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.helpers.calibrated import draw_calibrated
from tests.helpers.packages import save_detector
from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.evaluation.folders import TEXTURES
from tocoad.evaluation.stand_in import make_images, stand_in
from tocoad.gate.records import MADE, Candidate
from tocoad.package.detector import load_detector
from tocoad.settings.sections import (
    EvaluationSettings,
    GateSettings,
    GeneratorSettings,
    ImageSettings,
    Settings,
    SynthesisSettings,
)

SETTINGS = Settings(
    image=ImageSettings(size=64),
    synthesis=SynthesisSettings(validation_count=8),
    evaluation=EvaluationSettings(bootstrap=20),
    gate=GateSettings(images_min=2),
)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return draw_calibrated(tmp_path / "workspace", save_detector(tmp_path / "one", 1, 64, probes=False))


def scored(folders: dict[str, Path]) -> Candidate:
    return stand_in(folders, SETTINGS.model_dump_json())


def test_half_of_the_images_are_calibration_normals_with_an_anomaly_and_half_the_same_as_they_are(
    folders: dict[str, Path],
) -> None:
    shutil.rmtree(folders["images"] / "test")
    made = scored(folders).made
    assert len(made) == 8
    assert [image.gt_label for image in made] == [1, 0] * 4
    assert [image.defect_type for image in made] == [MADE, "good"] * 4
    assert [image.image_path for image in made] == [f"train/good/{10 + n // 2:03d}.png" for n in range(8)]


def test_there_are_more_of_them_than_the_gate_asks_for(folders: dict[str, Path]) -> None:
    wanted = SETTINGS.model_copy(update={"gate": GateSettings(images_min=6)})
    assert [int(mask.any()) for mask in make_images(folders, wanted).gt_masks].count(1) == 9


def test_the_figures_are_of_these_images_and_are_called_synthetic(folders: dict[str, Path]) -> None:
    found = scored(folders)
    labels, scores = ([getattr(image, name) for image in found.judged] for name in ("gt_label", "pred_score"))
    assert found.synthetic and found.judged == found.made and not found.images
    assert found.metrics["image_AUROC"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    images = make_images(folders, SETTINGS)
    maps = load_detector(folders["package"]).predict(images.images).anomaly_map
    pixel_AP = average_precision_score(images.gt_masks.ravel(), maps.ravel())
    assert found.metrics["pixel_AP"] == pytest.approx(pixel_AP, abs=1e-9)
    assert found.evaluation_set == Manifest.load(folders["manifest"] / TEST_FILE).digest
    assert found.replicates is not None and len(found.replicates["image_AUROC"]) == 20


def test_two_detectors_are_scored_on_the_same_made_images(folders: dict[str, Path], tmp_path: Path) -> None:
    first, again = make_images(folders, SETTINGS), make_images(folders, SETTINGS)
    np.testing.assert_array_equal(first.images, again.images)
    other = folders | {"package": save_detector(tmp_path / "other", 2, 32, probes=False)}
    one, two = scored(folders), scored(other)
    assert [(i.image_path, i.gt_label) for i in one.made] == [(i.image_path, i.gt_label) for i in two.made]
    assert [i.pred_score for i in one.made] != [i.pred_score for i in two.made]


def test_textures_are_looked_for_where_the_worker_has_them(folders: dict[str, Path]) -> None:
    recipe = GeneratorSettings(mask="rectangle", content="texture")
    synthesis = SynthesisSettings(validation_count=4, validation=recipe, texture_dir=Path("not/here"))
    assert synthesis.validates_with_textures
    textured = SETTINGS.model_copy(update={"synthesis": synthesis})
    images = make_images(folders | {TEXTURES: folders["images"] / "test"}, textured)
    assert images.gt_masks[0].any() and not images.gt_masks[1].any()
