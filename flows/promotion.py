"""The flows `promote` and `rollback`: a person moves the champion alias of a category.

plan -> check the package in a clean process -> move. Up to the last step nothing is changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from tasks import promotion
from tasks.mlflow_registry import Registry, Version
from tasks.mlflow_tracking import Tracking
from tasks.package_check import check_package
from tasks.services import configure
from tocoad.workspace import Workspace


@flow(flow_run_name="promote {dataset}/{category}")
def promote(dataset: str, category: str, version: int | None = None, workspace: str | None = None) -> dict[str, Any]:
    """Makes a version champion, whatever the gate said of it; None takes the newest.

    Returns:
        The document of `tocoad promote --json`; `from` equals `to` where the version is champion already.

    Raises:
        SettingsError: there is no such data set, category or version.
        BrokenPackageError: the version's package is not what was registered, or does not work.
    """
    place, registry = _open(workspace)
    return _check_and_move(place, registry, promotion.plan_promotion(registry, dataset, category, version))


@flow(flow_run_name="rollback {dataset}/{category}")
def rollback(dataset: str, category: str, reason: str, workspace: str | None = None) -> dict[str, Any]:
    """Takes the champion down and puts the version before it back, never one that was itself rolled back.

    Returns:
        The document of `tocoad rollback --json`.

    Raises:
        SettingsError: there is no such data set or category, or the reason is empty.
        PromotionError: there is no champion, or no version to go back to.
        BrokenPackageError: the package of the version before is not what was registered, or does not work.
    """
    place, registry = _open(workspace)
    return _check_and_move(place, registry, promotion.plan_rollback(registry, dataset, category, reason))


def _open(workspace: str | None) -> tuple[Workspace, Registry]:
    place = Workspace(Path(workspace or ".").resolve())
    return place, Tracking(configure(place)).registry()


def _check_and_move(workspace: Workspace, registry: Registry, planned: promotion.Move) -> dict[str, Any]:
    if planned.is_needed:
        check(registry, planned.new)
        move(workspace, registry, planned)
    return planned.document()


@task(name="check", task_run_name="check {version.name} {version.version}", cache_policy=NO_CACHE)
def check(registry: Registry, version: Version) -> None:
    """Refuses a version whose package is not whole."""
    check_package(registry, version)


@task(name="move", task_run_name="move {planned.category}", cache_policy=NO_CACHE)
def move(workspace: Workspace, registry: Registry, planned: promotion.Move) -> None:
    """Ledger, tags and aliases."""
    promotion.carry_out(workspace, registry, planned)
