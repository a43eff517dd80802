"""The files of an evaluation: figures, predictions, bootstrap replicates and curves; and reading them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from tocoad.evaluation.evaluate import Evaluation, as_tuples
from tocoad.evaluation.latency import LATENCY_FILE
from tocoad.evaluation.report import EvaluationReport
from tocoad.gate.records import Candidate
from tocoad.metrics.names import METRIC_NAMES, CurveName, MetricName
from tocoad.stage import StageError

METRICS_FILE, PREDICTIONS_FILE, REPLICATES_FILE, CURVES_DIR = (
    "metrics.json",
    "predictions.csv",
    "replicates.csv",
    "curves",
)
COLUMNS = ("image_path", "defect_type", "gt_label", "pred_score", "pred_label")
CURVES: dict[CurveName, tuple[str, str]] = {
    "roc": ("fpr", "tpr"),
    "pr": ("recall", "precision"),
    "pixel_pr": ("recall", "precision"),
    "pro": ("fpr", "pro"),
}


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Deterministic bytes: the same figures give the same files. Tables without data have a header only.

    The latency, which no two runs share, is a file of its own.
    """
    (folder / METRICS_FILE).write_text(evaluation.report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    # float() of a float32 is exact and its repr reads back to the same bits.
    rows = (
        (i.record.path, i.record.defect_type, i.record.gt_label, repr(float(i.pred_score)), int(i.pred_label))
        for i in evaluation.images
    )
    _write_csv(folder / PREDICTIONS_FILE, COLUMNS, rows)
    replicates = as_tuples(evaluation.figures.replicates)
    _write_csv(folder / REPLICATES_FILE, tuple(replicates), zip(*replicates.values(), strict=True))
    curves = folder / CURVES_DIR
    curves.mkdir()
    for name, columns in CURVES.items():
        x, y = evaluation.figures.curves.get(name, ((), ()))
        _write_csv(curves / f"{name}.csv", columns, zip(x, y, strict=True))
    (folder / LATENCY_FILE).write_text(evaluation.latency.model_dump_json(indent=1) + "\n", encoding="utf-8")


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


def read_replicates(folder: Path) -> dict[MetricName, tuple[float, ...]]:
    """The metrics' values on the bootstrap draws, which are the same draws for every detector on the same images.

    Raises:
        StageError: the file is missing or broken.
    """
    file = folder / REPLICATES_FILE
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines)
            columns = [[float(row[i]) for row in rows] for i in range(len(header))]
    except FileNotFoundError:
        raise StageError(f"{file} is missing: run the stage evaluate first") from None
    except (ValueError, IndexError) as error:
        raise StageError(f"{file}: not a table of figures ({error}); run the stage evaluate again") from None
    return {name: tuple(column) for name, column in zip(_metric_names(header, file), columns, strict=True)}


def read_candidate(folder: Path) -> Candidate:
    """What the gate reads, from the folder that `write_evaluation` filled.

    Raises:
        StageError: a file is missing or broken.
    """
    report = read_report(folder)
    return Candidate(metrics=report.metrics, evaluation_set=report.evaluation_set, replicates=read_replicates(folder))


def _metric_names(header: Sequence[str], file: Path) -> list[MetricName]:
    known: dict[str, MetricName] = {name: name for name in METRIC_NAMES}
    try:
        return [known[name] for name in header]
    except KeyError as error:
        raise StageError(f"{file}: {error} is no metric; run the stage evaluate again") from None


def _write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
