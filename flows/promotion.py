"""The flows `promote` and `rollback`: a person moves the champion alias of a category.

plan -> check the package in a clean process -> move. Up to the last step nothing is changed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow

from flows.notice import move_notice
from tasks.notify import told_when_finished
from tasks.promotion import Move, Registry, check, move, open_registry, plan_promotion, plan_rollback
from tocoad.files.workspace import Workspace


@flow(flow_run_name="promote {dataset}/{category}")
def promote(
    dataset: str, category: str, version: int | None = None, workspace: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Makes a version champion, whatever the gate said of it; None takes the newest.

    Returns:
        The document of `tocoad promote --json`; `from` equals `to` where the version is champion already: with a
        reason that is a decision like any other, without one nothing is entered.

    Raises:
        SettingsError: there is no such data set, category or version.
        BrokenPackageError: the version's package is not what was registered, or gives other numbers than it did then.
    """
    place, registry = _open(workspace)
    return _check_and_move(place, registry, plan_promotion(registry, dataset, category, version, reason))


@flow(flow_run_name="rollback {dataset}/{category}")
def rollback(dataset: str, category: str, reason: str, workspace: str | None = None) -> dict[str, Any]:
    """Takes the champion down and puts the version before it back, never one that was itself rolled back.

    Returns:
        The document of `tocoad rollback --json`.

    Raises:
        SettingsError: there is no such data set or category, or the reason is empty.
        PromotionError: there is no champion, or no version to go back to.
        BrokenPackageError: as for `promote`, of the version before.
    """
    place, registry = _open(workspace)
    return _check_and_move(place, registry, plan_rollback(registry, dataset, category, reason))


def _open(workspace: str | None) -> tuple[Workspace, Registry]:
    place = Workspace(Path(workspace or ".").resolve())
    return place, open_registry(place)


def _check_and_move(workspace: Workspace, registry: Registry, planned: Move) -> dict[str, Any]:
    """Told of at its end, unlike what was asked wrongly."""
    action, category = planned.entry.action, planned.category
    with told_when_finished(workspace, action, category.dataset, category.name) as ending:
        warnings = []
        if planned.is_needed:
            warnings += check(registry, planned.new)
            warnings += move(workspace, registry, planned)
        result = planned.document(warnings)
        ending.notice, ending.warnings = partial(move_notice, result), result["warnings"]
    return result
