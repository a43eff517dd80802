"""A person's move of the champion alias."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.addresses import configure
from services.mlflow import promotion
from services.mlflow.package_check import check_package
from services.mlflow.promotion import Move, plan_promotion, plan_rollback
from services.mlflow.registry import Registry, Version
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Workspace

__all__ = ["Move", "Registry", "check", "move", "open_registry", "plan_promotion", "plan_rollback"]


def open_registry(workspace: Workspace) -> Registry:
    """The registry that the workspace's models are in."""
    return Tracking(configure(workspace)).registry()


@task(name="check", task_run_name="check {version.name} {version.version}", cache_policy=NO_CACHE)
def check(registry: Registry, version: Version) -> list[str]:
    """Refuses a version whose package is not whole, or gives other numbers than when it was made; where it cannot be
    asked for them, that is a warning.
    """
    parity = check_package(registry, version)
    return [] if parity.probes else [parity.reason]


@task(name="move", task_run_name="move {planned.category}", cache_policy=NO_CACHE)
def move(workspace: Workspace, registry: Registry, planned: Move) -> list[str]:
    """Into the log of decisions, with aliases and ledger behind it; what of that is still to come, as warnings."""
    return promotion.carry_out(workspace, registry, planned)
