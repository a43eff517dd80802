from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import auc

from tocoad.errors import StageError
from tocoad.evaluation.evaluate import Evaluation, evaluate_detector
from tocoad.evaluation.files import read_candidate, read_replicates, read_report, write_evaluation
from tocoad.evaluation.latency import read_latency
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import Settings


@pytest.fixture
def evaluation(category: Any, detector: Any) -> Evaluation:
    return evaluate_detector(detector, category.manifest(), category.data_dir, Settings())


def _written(evaluation: Evaluation, folder: Path) -> Path:
    folder.mkdir()
    write_evaluation(evaluation, folder)
    return folder


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_metrics_json_holds_the_seven_and_the_threshold(evaluation: Evaluation, tmp_path: Path) -> None:
    document = json.loads((_written(evaluation, tmp_path / "out") / "metrics.json").read_text())
    assert tuple(document["metrics"]) == METRIC_NAMES
    assert document["metrics"]["image_AUROC"] == pytest.approx(8 / 9)
    assert document["threshold"]["image"] == pytest.approx(0.3)
    assert document["threshold"]["expected_false_reject_rate"] == 0.04
    assert document["evaluation_set"] == evaluation.report.evaluation_set


def test_predictions_csv_holds_raw_scores_to_the_bit(evaluation: Evaluation, tmp_path: Path) -> None:
    rows = _rows(_written(evaluation, tmp_path / "out") / "predictions.csv")
    assert list(rows[0]) == ["image_path", "defect_type", "gt_label", "pred_score", "pred_label"]
    assert [(r["image_path"], r["defect_type"], r["gt_label"], r["pred_label"]) for r in rows] == [
        ("test/good/000.png", "good", "0", "0"),
        ("test/good/001.png", "good", "0", "0"),
        ("test/good/002.png", "good", "0", "1"),
        ("test/scratch/000.png", "scratch", "1", "1"),
        ("test/scratch/001.png", "scratch", "1", "0"),
        ("test/stain/000.png", "stain", "1", "1"),
    ]
    assert [float(r["pred_score"]) for r in rows] == [float(np.float32(v) / 255) for v in (20, 40, 120, 250, 60, 200)]


def test_curves_are_those_of_the_images(evaluation: Evaluation, tmp_path: Path) -> None:
    folder = _written(evaluation, tmp_path / "out") / "curves"
    roc = [(float(r["fpr"]), float(r["tpr"])) for r in _rows(folder / "roc.csv")]
    assert auc(*zip(*roc, strict=True)) == pytest.approx(8 / 9)
    pr = [(float(r["recall"]), float(r["precision"])) for r in _rows(folder / "pr.csv")]
    assert pr == [pytest.approx(point) for point in ((1 / 3, 1.0), (2 / 3, 1.0), (1.0, 0.75))]


def test_the_same_evaluation_gives_the_same_bytes(evaluation: Evaluation, tmp_path: Path) -> None:
    one, two = (_written(evaluation, tmp_path / name) for name in ("one", "two"))
    files = sorted(file.relative_to(one) for file in one.rglob("*.*"))
    assert [str(file) for file in files] == [
        "curves/pixel_pr.csv",
        "curves/pr.csv",
        "curves/pro.csv",
        "curves/roc.csv",
        "latency.json",
        "metrics.json",
        "predictions.csv",
        "replicates.csv",
    ]
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)


def test_what_is_read_back_is_what_the_gate_would_have_got_directly(evaluation: Evaluation, tmp_path: Path) -> None:
    folder = _written(evaluation, tmp_path / "out")
    assert read_candidate(folder) == evaluation.candidate()
    assert read_report(folder) == evaluation.report


def test_an_empty_test_split_leaves_a_table_with_a_header(images: Any, detector: Any, tmp_path: Path) -> None:
    images.data_dir.mkdir()
    empty = evaluate_detector(detector, images.manifest(), images.data_dir, Settings())
    folder = _written(empty, tmp_path / "out")
    assert (folder / "predictions.csv").read_text() == "image_path,defect_type,gt_label,pred_score,pred_label\n"
    assert (folder / "curves/roc.csv").read_text() == "fpr,tpr\n"
    assert set(json.loads((folder / "metrics.json").read_text())["metrics"].values()) == {None}
    assert (folder / "replicates.csv").read_text() == "\n"
    assert read_candidate(folder).replicates == {}


@pytest.mark.parametrize("name", ["metrics.json", "replicates.csv"])
def test_a_missing_or_broken_file_is_named_with_the_way_out(evaluation: Evaluation, tmp_path: Path, name: str) -> None:
    folder = _written(evaluation, tmp_path / "out")
    (folder / name).write_text("image_path\nx\n")
    with pytest.raises(StageError, match=rf"{name}.*run the stage evaluate again"):
        read_candidate(folder)
    (folder / name).unlink()
    with pytest.raises(StageError, match=rf"{name} is missing: run the stage evaluate first"):
        read_candidate(folder)


def test_a_column_that_is_no_metric_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    folder = _written(evaluation, tmp_path / "out")
    (folder / "replicates.csv").write_text("image_AUROK\n0.5\n")
    with pytest.raises(StageError, match=r"replicates\.csv: 'image_AUROK' is no metric"):
        read_replicates(folder)


def test_the_latency_is_read_back_and_may_be_absent(evaluation: Evaluation, tmp_path: Path) -> None:
    folder = _written(evaluation, tmp_path / "out")
    assert read_latency(folder) == evaluation.latency
    (folder / "latency.json").unlink()
    assert read_latency(folder) is None
