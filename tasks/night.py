"""The record of the night, before anything is registered that leads to it."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.dvc import data
from services.mlflow.nights import Night, lock_sha256
from services.mlflow.patience import patiently
from tasks.session import Workshop

__all__ = ["Night", "keep_night"]


@task(name="keep", cache_policy=NO_CACHE)
def keep_night(shop: Workshop, dataset: str) -> Night:
    """The workspace's documents, in which DVC has all that was made, among the artifacts of the retrain's run, or of an
    earlier one, where nothing has changed since.

    Raises:
        AwayError: MLflow was away for longer than it is waited for.
    """
    run_id, workspace = patiently(shop.record.keep_night), shop.workspace
    return Night(run_id, data.data_version(workspace, dataset), shop.record.commit, lock_sha256(workspace))
