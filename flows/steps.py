"""The retrain flow's named Prefect tasks; each calls one function of `tasks`.

Nothing is cached or persisted by Prefect: DVC is the one memory of what is up to date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.states import State

from tasks import dvc, progress
from tasks.ray import RayStages
from tasks.registration import Registration, register_candidate
from tasks.tracking import CategoryRun
from tocoad.config import Settings, SettingsError
from tocoad.graph import Job, jobs_of, to_run
from tocoad.params import Plan
from tocoad.stage import Progress, StageError, StageRecord
from tocoad.workspace import Category, Workspace


def may_pass(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether another try is worth it: what the user must mend will not pass by itself."""
    try:
        state.result()
    except (SettingsError, StageError):
        return False
    except Exception:
        return True
    return False


@task(name="version", task_run_name="version {dataset}", cache_policy=NO_CACHE)
def version(
    workspace: Workspace, dataset: str, categories: list[Category], plan: Plan, force: bool
) -> dict[Category, tuple[Job, ...]]:
    """Brings changed images under DVC and asks it what is stale: the jobs to run, by category."""
    dvc.track_dataset(workspace, dataset)
    jobs = {category: jobs_of(category, plan.method(category)) for category in categories}
    if force:
        return jobs
    stale = dvc.stale(workspace, [job.dvc_name for chain in jobs.values() for job in chain])
    return {category: to_run(chain, stale) for category, chain in jobs.items()}


@task(name="stage", cache_policy=NO_CACHE)
def run_job(job: Job, settings: Settings, stages: RayStages, run: CategoryRun | None) -> StageRecord:
    """Runs one stage on Ray and waits; its live figures go to whoever watches and to the category's MLflow run."""

    def on_progress(update: Progress) -> None:
        progress.report(job.dvc_name, update)
        if run is not None:
            run.log_progress(job, update)

    return stages.run(job, settings, on_progress)


@task(name="record", cache_policy=NO_CACHE)
def record(workspace: Workspace, jobs: list[Job]) -> None:
    """One DVC commit of what the jobs wrote, here in the driver."""
    dvc.commit(workspace, [job.dvc_name for job in jobs])


@task(name="register", cache_policy=NO_CACHE)
def register(
    workspace: Workspace, category: Category, settings: Settings, plan: Plan, run: CategoryRun | None, stages: RayStages
) -> Registration:
    """The category's detector becomes a model version; the gate decides about the champion alias."""
    return register_candidate(workspace, category, plan.method(category), settings, run, stages)
