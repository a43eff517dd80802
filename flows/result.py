"""The document that a retrain ends with, and the same as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tasks.register import Registration
from tocoad.errors import StageError
from tocoad.evaluation.files import read_report
from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import CONTROL, MethodName
from tocoad.stages.graph import detector_dir, evaluation_dir, jobs_of
from tocoad.stages.running import read_record, weights_sha256
from tocoad.text.redaction import redacted

Status = Literal["trained", "up-to-date", "unregistered", "failed"]
"""Unregistered: trained and judged, only the registry was away; the next retrain registers it without training."""
Question = Mapping[str, str | None]
"""`until` when a version waits for a person's answer, and the `page` to give it on, null where there is none."""


def category_entry(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    status: Status,
    error: str | None,
    registration: Registration | None,
    judged_anew: bool,
    question: Question | None = None,
) -> dict[str, Any]:
    """One category of the document; of a failed one, what is there nevertheless."""
    complete = status != "failed"
    report = read_report(evaluation_dir(workspace, category, method)) if complete else None
    seconds = {}
    for job in jobs_of(category, method):
        if job.method == method and (record := read_record(job.output_dir(workspace))) is not None:
            seconds[job.stage.name] = round(record.seconds, 2)
    return {
        "status": status,
        "method": method,
        "error": None if error is None else redacted(error),
        "metrics": {} if report is None else dict(report.metrics),
        "threshold": None
        if report is None
        else {
            "image": report.threshold.image,
            "expected_false_reject_rate": report.threshold.expected_false_reject_rate,
        },
        "control": _control(workspace, category) if complete else None,
        "decision": None
        if registration is None
        else {"verdict": registration.verdict, "reasons": list(registration.reasons), "anew": judged_anew},
        "question": question,
        "model": None
        if registration is None
        else {"name": registration.name, "version": registration.version, "aliases": list(registration.aliases)},
        "weights_sha256": weights_sha256(detector_dir(workspace, category, method)) if complete else None,
        "seconds": seconds,
    }


def table_rows(categories: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For Prefect's page: a category a row, the figures rounded."""
    return [
        {
            "category": name,
            "status": entry["status"],
            "method": entry["method"],
            **{metric: _rounded(entry["metrics"].get(metric)) for metric in METRIC_NAMES},
            "verdict": (entry["decision"] or {}).get("verdict", ""),
            "version": (entry["model"] or {}).get("version", ""),
            "error": entry["error"] or "",
        }
        for name, entry in categories.items()
    ]


def _control(workspace: Workspace, category: Category) -> dict[str, Any] | None:
    try:
        return {"method": CONTROL, "metrics": dict(read_report(evaluation_dir(workspace, category, CONTROL)).metrics)}
    except StageError:
        return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
