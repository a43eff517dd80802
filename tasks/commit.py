"""The record of the night in the user's git repository."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.git.record import commit_night
from tocoad.files.workspace import Workspace

__all__ = ["commit"]


@task(name="commit", cache_policy=NO_CACHE)
def commit(workspace: Workspace, message: str) -> str | None:
    """A commit of the workspace's documents alone, where they have changed; returns its name.

    Raises:
        GitRecordError: it cannot be made now; the next retrain does.
    """
    return commit_night(workspace, message)
