"""The verdicts on a data set's categories, as the report tells them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.mlflow import ledger
from services.mlflow.decision_log import DecisionLog
from services.mlflow.glance import Glance
from services.mlflow.registry import Registry
from tocoad.files.workspace import Category, Workspace


def counted_verdicts(
    workspace: Workspace, registry: Registry, dataset: str, categories: Iterable[Category]
) -> list[dict[str, Any]]:
    """Those that count in the categories' logs, as lines of the ledger, which has them afterwards, and those that were
    given before there was a log. One that was to wait for a person, and does so no more, is not among them.

    Raises:
        DecisionLogError: a log cannot be read.
    """
    glance = Glance(registry, dataset)
    found = ledger.before_the_log(workspace, dataset)
    for category in categories:
        history = DecisionLog(glance, category.model_name).read()
        ledger.copy(workspace, category, history)
        counted = [one for one in history.counted if one.entry.decision is not None and not history.is_void(one.entry)]
        found += [ledger.line(category, number, entry) for number, entry in counted]
    return found
