"""What `tocoad history` shows where the registry is away: the decisions that the workspace's ledger has."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from services.mlflow import ledger
from tocoad.files.workspace import Workspace
from tocoad.gate.subject import Subject


def ledger_history(workspace: Workspace, dataset: str, name: str | None = None) -> dict[str, Any] | None:
    """As `dataset_history`, of what this workspace knows to count; None where that is nothing."""
    logs: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in ledger.entries(workspace, dataset):
        # One without an id was written before there was a log, which begins with what came of it.
        if "id" in line and name in (None, line["model"].partition(".")[2]):
            logs[line["model"]].append(_document(line))
    if not logs:
        return None
    for log in logs.values():
        log.sort(key=lambda one: one["entry"])
    merged = heapq.merge(*logs.values(), key=lambda one: str(one["time"]))
    return {"dataset": dataset, "category": name, "decisions": [*merged], "errors": {}, "warnings": []}


def _document(line: Mapping[str, Any]) -> dict[str, Any]:
    """Of a verdict the ledger has no images by type; and it says whom the version met, not where that led."""
    verdict, old = line.get("verdict"), line.get("from", line.get("champion"))
    new = line.get("to", line.get("version") if verdict == "promoted" else old)
    said = [] if line.get("reason") is None else [line["reason"]]
    return {
        "model": line["model"],
        "entry": line["entry"],
        "counts": True,
        "time": line["time"],
        "by": line["by"],
        "host": line["host"],
        "action": line.get("action", "judge"),
        "from": old,
        "to": new,
        "version": line.get("version", new),
        "verdict": verdict,
        "reasons": [*said, *line.get("reasons", ())],
        "package": line.get("package"),
        "subject": None if verdict is None else {key: line[key] for key in Subject.model_fields},
        "metrics": line.get("metrics", {}),
        "images": {},
        "findings": line.get("findings", []),
        "run_id": line.get("run_id"),
    }
