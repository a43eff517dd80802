"""The files of an evaluation: `metrics.json`, `predictions.csv`, `curves/roc.csv` and `pr.csv`; and reading them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from tocoad.evaluation.evaluate import Evaluation
from tocoad.evaluation.report import EvaluationReport
from tocoad.gate.records import Candidate, ImagePrediction
from tocoad.metrics.curves import precision_recall, roc
from tocoad.metrics.image import rank_images
from tocoad.metrics.ranking import Ranking
from tocoad.stage import StageError

METRICS_FILE, PREDICTIONS_FILE, CURVES_DIR = "metrics.json", "predictions.csv", "curves"
COLUMNS = ("image_path", "defect_type", "gt_label", "pred_score", "pred_label")


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Deterministic bytes: the same figures give the same files. Curves without data have a header only."""
    (folder / METRICS_FILE).write_text(evaluation.report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    # float() of a float32 is exact and its repr reads back to the same bits.
    rows = (
        (i.record.path, i.record.defect_type, i.record.gt_label, repr(float(i.pred_score)), int(i.pred_label))
        for i in evaluation.images
    )
    _write_csv(folder / PREDICTIONS_FILE, COLUMNS, rows)
    curves = folder / CURVES_DIR
    curves.mkdir()
    ranking = rank_images([i.record.gt_label for i in evaluation.images], [i.pred_score for i in evaluation.images])
    roc_points, pr_points = _curve_points(ranking) if ranking is not None else ([], [])
    _write_csv(curves / "roc.csv", ("fpr", "tpr"), roc_points)
    _write_csv(curves / "pr.csv", ("recall", "precision"), pr_points)


def read_report(folder: Path) -> EvaluationReport:
    """Raises StageError where the folder holds no whole evaluation."""
    file = folder / METRICS_FILE
    try:
        return EvaluationReport.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{file} is missing: run the stage evaluate first") from None
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the document"
        raise StageError(f"{file}: {where}: {error.errors()[0]['msg']}; run the stage evaluate again") from None


def read_candidate(folder: Path) -> Candidate:
    """What the gate reads, from the folder that `write_evaluation` filled.

    Raises:
        StageError: a file is missing or broken.
    """
    report = read_report(folder)
    file = folder / PREDICTIONS_FILE
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            predictions = {
                row["image_path"]: ImagePrediction(int(row["gt_label"]), float(row["pred_score"]))
                for row in csv.DictReader(lines)
            }
    except FileNotFoundError:
        raise StageError(f"{file} is missing: run the stage evaluate first") from None
    except (KeyError, ValueError, TypeError) as error:
        raise StageError(f"{file}: not a table of predictions ({error}); run the stage evaluate again") from None
    return Candidate(metrics=report.metrics, evaluation_set=report.evaluation_set, predictions=predictions)


def _curve_points(ranking: Ranking) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    fpr, tpr = roc(ranking)
    precision, recall, _ = precision_recall(ranking)
    return list(zip(fpr, tpr, strict=True)), list(zip(recall, precision, strict=True))


def _write_csv(file: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
