"""One stage of one job on Ray."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from services.mlflow.recording import RetrainRecord
from services.ray.runner import RayStages
from services.watching import Ended, Moved, tell
from tocoad.errors import PassingError
from tocoad.settings.sections import Settings
from tocoad.stages.graph import Job
from tocoad.stages.stage import Progress, StageRecord


def may_pass(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether another try is worth it."""
    return isinstance(state.result(raise_on_failure=False), PassingError)


@task(cache_policy=NO_CACHE)
def run_stage(job: Job, settings: Settings, stages: RayStages, record: RetrainRecord, sources: str) -> StageRecord:
    """Runs one stage on Ray and waits; its live figures go to whoever watches and to the category's MLflow run."""

    def on_progress(progress: Progress) -> None:
        tell(Moved(job.dvc_name, progress))
        record.progress(job, progress)

    try:
        done = stages.run(job, settings, on_progress, sources)
    except BaseException:
        tell(Ended(job.dvc_name, "failed"))
        raise
    tell(Ended(job.dvc_name, "done"))
    return done
