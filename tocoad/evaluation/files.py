"""The files of an evaluation: figures, predictions, bootstrap replicates and curves; and reading them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tocoad.errors import first_line
from tocoad.evaluation.evaluate import Evaluation, as_tuples
from tocoad.evaluation.latency import write_latency
from tocoad.evaluation.report import EvaluationReport
from tocoad.files.reading import damaged, read_document, read_table
from tocoad.gate.records import Candidate, ImageResult
from tocoad.metrics.names import METRIC_NAMES, CurveName, MetricName

METRICS_FILE, PREDICTIONS_FILE, REPLICATES_FILE, CURVES_DIR = (
    "metrics.json",
    "predictions.csv",
    "replicates.csv",
    "curves",
)
_Row = TypeAdapter(ImageResult)
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
    write_latency(folder, evaluation.latency)


def read_report(folder: Path) -> EvaluationReport:
    """Raises StageError where the folder holds no whole evaluation."""
    return read_document(EvaluationReport, folder / METRICS_FILE, "evaluate")


def read_replicates(folder: Path) -> dict[MetricName, tuple[float, ...]]:
    """The metrics' values on the bootstrap draws, which are the same draws for every detector on the same images.

    Raises:
        StageError: the file is missing or broken, or has another number of draws than the figures beside it.
    """
    file = folder / REPLICATES_FILE
    header, *rows = read_table(file, "evaluate")
    try:
        columns = [[float(row[i]) for row in rows] for i in range(len(header))]
    except ValueError as error:
        raise damaged(file, error, "evaluate") from None
    found = {name: tuple(column) for name, column in zip(_metric_names(header, file), columns, strict=True)}
    report = read_report(folder)
    for name in report.intervals:
        if (draws := len(found.get(name, ()))) != report.resamples:
            reason = f"{draws} draws of {name} where {METRICS_FILE} tells of {report.resamples}"
            raise damaged(file, reason, "evaluate")
    return found


def read_results(folder: Path) -> tuple[ImageResult, ...]:
    """The test images, in the manifest's order. Raises StageError where the table is not whole."""
    file = folder / PREDICTIONS_FILE
    header, *rows = read_table(file, "evaluate")
    try:
        images = tuple(_Row.validate_python(dict(zip(header, row, strict=True))) for row in rows)
    except ValidationError as error:
        raise damaged(file, first_line(error), "evaluate") from None
    counts = read_report(folder).counts
    if (told := counts.good + counts.defective) != len(images):
        raise damaged(file, f"{len(images)} images of {told}", "evaluate")
    return images


def read_candidate(folder: Path) -> Candidate:
    """What the gate reads, from the folder that `write_evaluation` filled.

    Raises:
        StageError: a file is missing or broken.
    """
    report = read_report(folder)
    return Candidate(
        metrics=report.metrics,
        evaluation_set=report.evaluation_set,
        replicates=read_replicates(folder),
        images=read_results(folder),
        promise=report.threshold.promise,
    )


def _metric_names(header: Sequence[str], file: Path) -> list[MetricName]:
    known: dict[str, MetricName] = {name: name for name in METRIC_NAMES}
    try:
        return [known[name] for name in header]
    except KeyError as error:
        raise damaged(file, f"{error} is no metric", "evaluate") from None


def _write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
