"""What the log of decisions tells of a category: the champion as it stands, and every decision that was made."""

from __future__ import annotations

from typing import Any

from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.judging import EVALUATION_SET_TAG, METHOD_TAG
from services.mlflow.registry import Registry
from tocoad.errors import error_line
from tocoad.gate.log import Entry, History
from tocoad.metrics.names import METRIC_NAMES


def models_in_force(registry: Registry, name: str, evaluation_set: str | None, rules: str) -> dict[str, Any]:
    """The champion of a model by its name, as `standing` tells it, and where a rollback leads; both None where there is
    none. Where the log cannot be read they are not known, and `error` says why: one such log hides no other category.
    """
    log = DecisionLog(registry, name)
    try:
        history = log.settled()
        champion, previous = standing(log, history, evaluation_set, rules), log.way_back(history)
    except DecisionLogError as error:
        return {"champion": None, "previous": None, "error": error_line(error)}
    return {"champion": champion, "previous": previous, "error": None}


def standing(log: DecisionLog, history: History, evaluation_set: str | None, rules: str) -> dict[str, Any] | None:
    """Its figures on this evaluation set (None: on whichever they were found last), and by these rules the verdict.
    Without them: it was made champion since, or the evaluation set is new, and the next retrain judges it.
    """
    if history.champion is None:
        return None
    version = log.in_force(history)
    tags = {} if version is None else version.tags
    # Who shares the registry may have judged it by other rules since.
    verdict = history.verdict_on(history.champion, evaluation_set, rules)
    verdict, word = verdict or history.verdict_on(history.champion, evaluation_set), None
    if verdict is not None and verdict.subject is not None and verdict.decision is not None:
        metrics = {name: value for name, value in verdict.metrics.items() if value is not None}
        word = verdict.decision.verdict if verdict.subject.rules == rules else None
    else:
        # Before there was a log its tags alone had them.
        known = evaluation_set in (None, tags.get(EVALUATION_SET_TAG))
        metrics = {name: float(tags[name]) for name in METRIC_NAMES if known and name in tags}
    return {"version": history.champion, "method": tags.get(METHOD_TAG), "metrics": metrics, "verdict": word}


def decisions(log: DecisionLog) -> list[dict[str, Any]]:
    """Every entry as a JSON document, in their order. What does not `count` was made in the knowledge of a reign that
    was over, or stands there twice.
    """
    history = log.read()
    counted = {number for number, _ in history.counted}
    found = sorted(history.counted + history.lost)
    return [_document(log.name, number, entry, number in counted) for number, entry in found]


def _document(name: str, number: int, entry: Entry, counts: bool) -> dict[str, Any]:
    decision = entry.decision
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
        "version": entry.version,
        "verdict": None if decision is None else decision.verdict,
        "reasons": [*decision.reasons] if decision is not None else [entry.reason] if entry.reason else [],
    }
