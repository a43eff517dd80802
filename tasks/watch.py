"""New images of a category, compared with those that its champion was calibrated on."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.mlflow.patience import patiently
from services.mlflow.registry import Registry
from services.watch import watch_category, watched_folders
from services.watching import Planned, tell, telling
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import WatchSettings
from tocoad.watch.watched import Watched

__all__ = ["announce", "look", "watched_folders"]


@task(name="look", task_run_name="look {category}", cache_policy=NO_CACHE)
def look(
    workspace: Workspace, registry: Registry, category: Category, folder: Path, settings: WatchSettings
) -> Watched:
    """The category's newest images beside its champion's reference."""
    with telling(f"watch@{category}"):
        return patiently(lambda: watch_category(workspace, registry, category, folder, settings))


def announce(looks: int) -> None:
    """For whoever watches: so many are to come."""
    tell(Planned(looks))
