"""Every decision that was made of a data set's categories, from their logs in the registry."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from services.mlflow.calls import AwayError
from services.mlflow.categories import registered_categories
from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.glance import Glance
from services.mlflow.ledger import ledger_file
from services.mlflow.ledger_history import ledger_history
from services.mlflow.registry import Registry
from tocoad.errors import error_line, first_line
from tocoad.files.workspace import Workspace
from tocoad.gate.log import Entry


def dataset_history(registry: Registry, dataset: str, name: str | None = None) -> dict[str, Any]:
    """The document of `tocoad history --json`: the decisions of all categories, or of the one named. `errors` are the
    logs that cannot be read, by category: one such hides no other.

    Raises:
        SettingsError: there is no such data set or category; the line says what there is.
    """
    logs, errors = [], {}
    glance = Glance(registry, dataset)
    for category in registered_categories(registry, dataset, None if name is None else [name]):
        try:
            logs.append(decisions(DecisionLog(glance, category.model_name)))
        except DecisionLogError as error:
            errors[category.name] = error_line(error)
    # Each log keeps its own order, whatever the machines' clocks said.
    merged = heapq.merge(*logs, key=lambda one: str(one["time"]))
    return {"dataset": dataset, "category": name, "decisions": [*merged], "errors": errors, "warnings": []}


def known_history(
    workspace: Workspace, registry: Callable[[], Registry], dataset: str, name: str | None = None
) -> dict[str, Any]:
    """The same; where MLflow is away what the workspace's ledger has of it, with a warning that says so.

    Raises:
        SettingsError: there is no such data set or category; the line says what there is.
        AwayError: MLflow is away, and the ledger has nothing of it.
    """
    try:
        return dataset_history(registry(), dataset, name)
    except AwayError as error:
        if (copy := ledger_history(workspace, dataset, name)) is None:
            raise
        file = ledger_file(workspace, dataset)
        copy["warnings"].append(f"these are the decisions in {file}, this workspace's copy: {first_line(error)}")
        return copy


def decisions(log: DecisionLog) -> list[dict[str, Any]]:
    """Every entry as a JSON document, in their order. What does not `count` was made in the knowledge of a reign that
    was over, or stands there twice.
    """
    history = log.read()
    counted = {number for number, _ in history.counted}
    found = sorted(history.counted + history.lost, key=lambda one: one.number)
    return [_document(log.name, number, entry, number in counted) for number, entry in found]


def _document(name: str, number: int, entry: Entry, counts: bool) -> dict[str, Any]:
    """`version` is the one that it is about: that was judged, or that a person made champion. `package` is its own, or
    that of the version to which the gate went back.
    """
    decision, subject = entry.decision, entry.subject
    reasons = [] if entry.reason is None else [entry.reason]
    return {
        "model": name,
        "entry": number,
        "counts": counts,
        "time": entry.time,
        "by": entry.by,
        "host": entry.host,
        "action": entry.action,
        "from": entry.old,
        "to": entry.new,
        "version": entry.new if entry.version is None else entry.version,
        "verdict": None if decision is None else decision.verdict,
        "reasons": reasons if decision is None else [*reasons, *decision.reasons],
        "package": subject.package if entry.package is None and subject is not None else entry.package,
        "subject": None if subject is None else subject.model_dump(),
        "metrics": entry.metrics,
        "images": entry.images,
        "findings": [] if decision is None else [one.model_dump() for one in decision.findings],
        "run_id": entry.run_id,
    }
