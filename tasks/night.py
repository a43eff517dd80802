"""The record of the night, before anything is registered that leads to it."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.mlflow.patience import patiently
from tasks.session import Workshop

__all__ = ["keep_night"]


@task(name="keep", cache_policy=NO_CACHE)
def keep_night(shop: Workshop) -> str:
    """The workspace's documents, in which DVC has all that was made, among the artifacts of the retrain's run; returns
    the id of the run that has them: an earlier one, where nothing has changed since.

    Raises:
        AwayError: MLflow was away for longer than it is waited for.
    """
    return patiently(shop.record.keep_night)
