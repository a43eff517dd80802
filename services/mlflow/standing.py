"""What the log of decisions tells of a category as it stands: the champion, the way back, and who comes next."""

from __future__ import annotations

from typing import Any

from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.judging import EVALUATION_SET_TAG, METHOD_TAG
from services.mlflow.registry import Registry
from tocoad.errors import error_line
from tocoad.gate.log import History
from tocoad.metrics.names import METRIC_NAMES


def models_in_force(registry: Registry, name: str, evaluation_set: str | None, rules: str) -> dict[str, Any]:
    """The champion of a model by its name, as `standing` tells it, where a rollback leads, and the version that waits
    for a person or is not judged yet; None where there is none. Where the log cannot be read they are not known, and
    `error` says why: one such log hides no other category.
    """
    log = DecisionLog(registry, name)
    try:
        history = log.settled()
        champion, previous = standing(log, history, evaluation_set, rules), log.way_back(history)
        challenger = _challenger(log, history)
    except DecisionLogError as error:
        return {"champion": None, "previous": None, "challenger": None, "error": error_line(error)}
    return {"champion": champion, "previous": previous, "challenger": challenger, "error": None}


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


def _challenger(log: DecisionLog, history: History) -> dict[str, Any] | None:
    """`verdict` is `waiting`, and then `since` says how long and `reasons` why; or None: it is not judged."""
    if (number := log.challenger(history)) is None:
        return None
    waiting = history.waiting
    if waiting is None or waiting.entry.version != number or waiting.entry.decision is None:
        return {"version": number, "verdict": None, "since": None, "reasons": []}
    decision = waiting.entry.decision
    return {
        "version": number,
        "verdict": decision.verdict,
        "since": waiting.entry.time,
        "reasons": [*decision.reasons],
    }
