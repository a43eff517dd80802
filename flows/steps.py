"""The retrain flow's named Prefect tasks; each hands over to `tasks`.

Prefect caches and persists nothing here: DVC is the one memory of what is up to date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks import dvc, progress
from tasks.adoption import adopt
from tasks.mlflow_patience import patiently
from tasks.mlflow_registry import Registry
from tasks.ray import RayStages
from tasks.recording import RetrainRecord
from tasks.registration import Registration, register_candidate
from tasks.reports import dataset_report
from tocoad.config import MethodName, Settings, SettingsError
from tocoad.gate.records import Candidate
from tocoad.graph import Job, distinct, jobs_of, to_run
from tocoad.links import refuse_links
from tocoad.params import Plan
from tocoad.stage import Progress, StageError, StageRecord, first_line
from tocoad.workspace import Category, Workspace


def may_pass(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether another try is worth it: what the user must mend does not pass by itself."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, SettingsError | StageError)


@task(name="version", task_run_name="version {dataset}", cache_policy=NO_CACHE)
def version(
    workspace: Workspace, dataset: str, categories: Sequence[Category], plan: Plan, force: bool
) -> dict[Category, tuple[Job, ...]]:
    """Brings changed images under DVC and asks it what is stale: the jobs to run, by category. What a run that broke
    off had finished is recorded, and not run again.
    """
    jobs = {category: jobs_of(category, plan.method(category)) for category in categories}
    refuse_links(workspace, [job.output_dir(workspace) for chain in jobs.values() for job in chain])
    dvc.track_dataset(workspace, dataset)
    if force:
        return jobs
    every = distinct(job for chain in jobs.values() for job in chain)
    stale = dvc.stale(workspace, [job.dvc_name for job in every])
    stale -= adopt(workspace, every, stale)
    return {category: to_run(chain, stale) for category, chain in jobs.items()}


@task(cache_policy=NO_CACHE)
def run_stage(job: Job, settings: Settings, stages: RayStages, record: RetrainRecord, sources: str) -> StageRecord:
    """Runs one stage on Ray and waits; its live figures go to whoever watches and to the category's MLflow run."""

    def on_progress(update: Progress) -> None:
        progress.report(job.dvc_name, update)
        record.progress(job, update)

    return stages.run(job, settings, on_progress, sources)


@task(name="record", cache_policy=NO_CACHE)
def record_stages(workspace: Workspace, jobs: Sequence[Job], before: Mapping[str, str]) -> set[str]:
    """One DVC commit of what the jobs wrote, here in the driver.

    Returns the DVC names of the jobs whose settings or images changed while they ran, and which stay stale.
    """
    return dvc.commit(workspace, [job.dvc_name for job in jobs], before)


@task(name="register", task_run_name="register {category}", cache_policy=NO_CACHE)
def register(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    settings: Settings,
    registry: Registry,
    stages: RayStages,
    record: RetrainRecord,
) -> Registration:
    """The category's detector becomes a model version; the gate decides about the champion alias.

    Raises:
        AwayError: MLflow was away for longer than it is waited for; the next retrain registers the category.
    """

    def rescore(package: Path) -> Candidate:
        arguments = (str(workspace.root), str(category), str(package), settings.model_dump_json())
        return cast(
            Candidate, stages.call(f"champion of {category}", "tocoad.evaluation.workspace:rescore", *arguments)
        )

    def ask() -> Registration:
        record.finish(category, method)
        return register_candidate(workspace, category, method, settings, registry, record.run(category), rescore)

    return patiently(registry.uri, ask)


@task(name="report", task_run_name="report {dataset}", cache_policy=NO_CACHE)
def report(dataset: str, workspace: Workspace, categories: Sequence[Category], record: RetrainRecord) -> str:
    """Writes the pages of the categories and the summary, keeps them in MLflow, and says where the summary is."""
    written = dataset_report(workspace, dataset, [category.name for category in categories])
    try:
        return record.report(written.index, written.pages) or written.index.as_uri()
    except Exception as error:
        record.warnings.append(f"MLflow does not have the report ({first_line(error)})")
        return written.index.as_uri()


@task(name="publish", cache_policy=NO_CACHE)
def publish(dataset: str, rows: list[dict[str, Any]], description: str, report_link: str | None) -> None:
    """The result as a table on the flow run's page in Prefect, and the link to the report where one was written."""
    key = dataset.lower().replace("_", "-")
    if report_link is not None:
        description = f"{description}. [Report]({report_link})"
        create_link_artifact(link=report_link, link_text=f"report of {dataset}", key=f"report-{key}")
    create_table_artifact(table=rows, key=f"retrain-{key}", description=description)
