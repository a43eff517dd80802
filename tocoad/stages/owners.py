"""Whose outputs a run writes: what it asks the lease of."""

from __future__ import annotations

from collections.abc import Iterable

from tocoad.files.workspace import Category, Owner
from tocoad.settings.plan import Plan
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import jobs_of


def owners_of(categories: Iterable[Category], plan: Plan, method: MethodName | None = None) -> set[Owner]:
    """Of a retrain of these categories by the plan, or by `method`."""
    return {job.owner for category in categories for job in jobs_of(category, method or plan.method(category))}
