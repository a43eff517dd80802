from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tocoad.data.manifest import Manifest
from tocoad.evaluation.evaluate import Evaluation, evaluate_detector
from tocoad.metrics.pixel import pixel_AUPRO
from tocoad.settings.sections import EvaluationSettings, ScoringSettings, Settings
from tocoad.stages.stage import Progress

SETTINGS = Settings(scoring=ScoringSettings(batch_size=4))


def _evaluate(category: Any, detector: Any) -> Evaluation:
    return evaluate_detector(detector, category.manifest(), category.data_dir, SETTINGS)


def test_figures_by_hand(category: Any, detector: Any) -> None:
    report = _evaluate(category, detector).report
    # Scores / 255: good 20, 40, 120; defective 250, 60, 200: only the pair 120 > 60 of nine is in the wrong order.
    assert report.metrics["image_AUROC"] == pytest.approx(8 / 9, abs=1e-12)
    assert report.oracle_F1_threshold == np.float32(60 / 255)
    assert report.metrics["image_F1Max"] == pytest.approx(2 * 3 / (3 + 4), abs=1e-12)
    # The threshold is 0.3 = 76.5 / 255.
    assert report.threshold.image == pytest.approx(0.3, abs=1e-7)
    assert report.threshold.expected_false_reject_rate == 1 / 25
    assert report.at_threshold.false_reject_rate == pytest.approx(1 / 3)
    assert report.at_threshold.recall == pytest.approx(2 / 3)
    assert report.at_threshold.recall_by_defect_type == {"scratch": 0.5, "stain": 1.0}
    assert report.counts.model_dump() == {"good": 3, "defective": 3, "without_mask": 1}


def test_maps_are_brought_to_the_size_of_the_truth(category: Any, detector: Any) -> None:
    evaluation = _evaluate(category, detector)
    shapes = {image.record.path: image.anomaly_map.shape for image in evaluation.images}
    assert shapes["test/good/002.png"] == (64, 20)
    assert shapes["test/scratch/001.png"] == (40, 64)
    judged = [image for image in evaluation.images if image.record.defect_type != "stain"]
    assert all(image.gt_mask is None or image.gt_mask.shape == image.anomaly_map.shape for image in judged)
    expected = pixel_AUPRO([image.anomaly_map for image in judged], [image.gt_mask for image in judged], 0.3)
    assert evaluation.report.metrics["pixel_AUPRO"] == pytest.approx(expected, abs=1e-12)


def test_resizing_is_bilinear_between_pixel_centres(images: Any, detector: Any) -> None:
    class Ramp:
        image_size, device = 2, "cpu"
        card = detector.card

        def predict(self, batch: np.ndarray) -> SimpleNamespace:
            anomaly_map = np.array([[[0, 1], [0, 1]]], np.float32)
            return SimpleNamespace(pred_score=np.ones(1, np.float32), anomaly_map=anomaly_map, pred_label=[True])

    images.add("good/0", 20, size=(4, 2))
    (image,) = _evaluate(images, Ramp()).images
    # The centres of the four columns lie at -0.25, 0.25, 0.75 and 1.25 of the two.
    np.testing.assert_allclose(image.anomaly_map, [[0, 0.25, 0.75, 1]] * 2)


def test_the_label_comes_from_the_folder_not_from_the_mask(images: Any, detector: Any) -> None:
    images.add("good/000", 20)
    images.add("scratch/000", 250, mask=True)
    blank = images.data_dir / "ground_truth/scratch/000_mask.png"
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(blank)
    report = _evaluate(images, detector).report
    assert (report.counts.good, report.counts.defective, report.metrics["image_AUROC"]) == (1, 1, 1.0)
    assert report.metrics["pixel_AUROC"] is None


@pytest.mark.parametrize(
    ("names", "known"),
    [([], set()), (["good/0"], set()), (["stain/0"], set()), (["good/0", "stain/0"], {"image"})],
)
def test_missing_defects_masks_or_images_are_none_and_no_error(
    images: Any, detector: Any, names: list[str], known: set[str]
) -> None:
    for name in names:
        images.add(name, 90)
    report = _evaluate(images, detector).report
    assert {name.partition("_")[0] for name, value in report.metrics.items() if value is not None} == known
    has_good = "good/0" in names
    assert (report.at_threshold.false_reject_rate is not None) == has_good


def test_only_the_test_part_is_judged_and_names_the_evaluation_set(category: Any, detector: Any) -> None:
    manifest = category.manifest()
    train = manifest.images[0].model_copy(update={"split": "train", "path": "train/good/000.png"})
    whole = Manifest(dataset="toys", category="block", images=(*manifest.images, train))
    evaluation = evaluate_detector(detector, whole, category.data_dir, SETTINGS)
    assert len(evaluation.images) == 6
    assert evaluation.report.evaluation_set == manifest.digest
    fewer = Manifest(dataset="toys", category="block", images=manifest.images[1:])
    assert evaluate_detector(detector, fewer, category.data_dir, SETTINGS).report.evaluation_set != manifest.digest


def test_progress_tells_every_image(category: Any, detector: Any, tmp_path: Path) -> None:
    seen: list[Progress] = []
    evaluate_detector(detector, category.manifest(), category.data_dir, SETTINGS, seen.append)
    assert [(progress.step, progress.total) for progress in seen] == [(i, 6) for i in range(1, 7)]


def test_intervals_enclose_the_figures_and_belong_to_the_images(category: Any, detector: Any) -> None:
    evaluation = _evaluate(category, detector)
    report = evaluation.report
    assert set(report.intervals) == {name for name, value in report.metrics.items() if value is not None}
    for name, (low, high) in report.intervals.items():
        value = report.metrics[name]
        assert value is not None
        assert low <= value <= high
    # The draws are keyed by the evaluation set alone: two evaluations of the same images are paired.
    again = _evaluate(category, detector)
    assert again.candidate() == evaluation.candidate()
    assert report.resamples == SETTINGS.evaluation.bootstrap


def test_without_draws_there_are_no_intervals(category: Any, detector: Any) -> None:
    settings = Settings(evaluation=EvaluationSettings(bootstrap=0))
    evaluation = evaluate_detector(detector, category.manifest(), category.data_dir, settings)
    assert evaluation.report.intervals == {}
    assert evaluation.report.metrics == _evaluate(category, detector).report.metrics


def test_the_truth_survives_its_packing_to_the_pixel(images: Any, detector: Any) -> None:
    images.add("scratch/0", 250, mask=True, size=(37, 21))
    (image,) = _evaluate(images, detector).images
    expected = np.zeros((21, 37), bool)
    expected[21 // 4 : 21 // 2, 37 // 4 : 37 // 2] = True
    np.testing.assert_array_equal(image.gt_mask, expected)


def test_the_latency_is_measured_over_the_test_images(category: Any, detector: Any) -> None:
    latency = _evaluate(category, detector).latency
    assert (latency.device, latency.threads, latency.images) == ("cpu", SETTINGS.compute.threads, 6)
    assert latency.median_ms is not None and latency.p95_ms is not None
    assert 0 < latency.median_ms <= latency.p95_ms
