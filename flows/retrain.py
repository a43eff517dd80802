"""The retrain flow: version -> synthesize -> stage 1 -> stage 2 -> evaluate -> register -> report.

Every category is a chain of its own; one that fails stops no other. The stages run on Ray, as many at a time as fit, up
to 64.
"""

from __future__ import annotations

import sys

if __name__ != "flows.retrain":
    # A Prefect worker loads this file by its path and puts its folder and the workspace before all else, for ever: what
    # lies there is a user's. Our packages are found where they are for every other process.
    del sys.path[:2]

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from prefect import flow, get_run_logger
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.result import category_entry, table_rows
from flows.steps import may_pass, publish, record_stages, register, report, run_stage, version
from tasks import dvc
from tasks.closing import claim_flow_run, close_left
from tasks.git import git_commit
from tasks.mlflow_registry import Registry
from tasks.mlflow_tracking import Tracking
from tasks.ray import RayStages
from tasks.recording import RetrainRecord, retrain_record
from tasks.registration import Registration, registered
from tasks.services import configure
from tocoad.graph import Job, distinct
from tocoad.params import Params, load_params
from tocoad.planning import plan_categories
from tocoad.stage import StageError, StageRecord
from tocoad.workspace import Category, Workspace

# Each waits for a stage on Ray, or registers a category: at most as many stages run at a time. A machine has room for
# fewer, and Ray decides how many; a cluster may have room for more.
_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=64))


class CategoriesFailedError(StageError):
    """At least one category failed; the others are complete. `result` is the whole document."""

    def __init__(self, result: dict[str, Any]) -> None:
        failed = {name: entry["error"] for name, entry in result["categories"].items() if entry["error"]}
        super().__init__("; ".join(f"{name}: {error}" for name, error in failed.items()))
        self.result = result


@dataclass
class _Outcome:
    """What became of the categories."""

    errors: dict[Category, str] = field(default_factory=dict)
    registrations: dict[Category, Registration] = field(default_factory=dict)
    report: str | None = None


@flow(name="retrain", flow_run_name="retrain {dataset}", task_runner=_RUNNER)
def retrain(
    dataset: str, categories: list[str] | None = None, force: bool = False, workspace: str | None = None
) -> dict[str, Any]:
    """Retrains what is stale of a data set, evaluates it, registers it, and promotes what is better.

    Args:
        dataset: a data set of the workspace.
        categories: these alone; None takes all.
        force: run every stage, stale or not.
        workspace: its folder; None takes the current one.

    Returns:
        The document of `tocoad retrain --json`.

    Raises:
        CategoriesFailedError: some categories failed; the others are complete.
    """
    started = time.perf_counter()
    place = Workspace(Path(workspace or ".").resolve())
    services = configure(place)
    claim_flow_run(services)
    chosen = plan_categories(place, dataset, categories)
    params = load_params(place)
    work = version(place, dataset, chosen, params.plan, force)
    tracking = Tracking(services)
    registry = tracking.registry()
    close_left(services, tracking)

    outcome = _Outcome()
    for category in chosen:
        if not work[category] and (known := registered(place, category, params.plan.method(category), registry)):
            outcome.registrations[category] = known
    if open_categories := [category for category in chosen if category not in outcome.registrations]:
        jobs = {category: work[category] for category in open_categories}
        commit = str(git_commit(place) or "none")
        with ExitStack() as stack:
            record = stack.enter_context(retrain_record(tracking, place, dataset, params.settings, commit))
            stages = stack.enter_context(RayStages(place, params.settings.ray))
            try:
                _run_stages(place, params, jobs, stages, record, outcome)
                _register(place, params, open_categories, registry, stages, record, outcome)
                if judged := [category for category in open_categories if category not in outcome.errors]:
                    outcome.report = _report(place, dataset, judged, record)
            finally:
                for category in open_categories:
                    record.end(category, outcome.errors.get(category))

    entries = {
        category.name: category_entry(
            place,
            category,
            params.plan.method(category),
            bool(work[category]),
            outcome.errors.get(category),
            outcome.registrations.get(category),
        )
        for category in chosen
    }
    seconds = round(time.perf_counter() - started, 1)
    result = {
        "dataset": dataset,
        "run": str(flow_run.get_id()),
        "seconds": seconds,
        "report": outcome.report,
        "categories": entries,
    }
    publish(dataset, table_rows(entries), f"retrain of {dataset}, {seconds} s", outcome.report)
    if outcome.errors:
        raise CategoriesFailedError(result)
    return result


def _report(workspace: Workspace, dataset: str, categories: Sequence[Category], record: RetrainRecord) -> str | None:
    """The link to the report. What was trained and registered stands without it: a fault is told, and no more."""
    state = report(dataset, workspace, categories, record, return_state=True)
    if state.is_completed():
        link: str = state.result()
        return link
    get_run_logger().error("the report was not written: %s", state.result(raise_on_failure=False))
    return None


def _run_stages(
    workspace: Workspace,
    params: Params,
    work: Mapping[Category, Sequence[Job]],
    stages: RayStages,
    record: RetrainRecord,
    outcome: _Outcome,
) -> None:
    """Submits every job behind those it reads, once, waits for all, and commits what was made to DVC, even after a
    fault.
    """
    jobs = distinct(job for chain in work.values() for job in chain)
    if not jobs:
        return
    before = dvc.sources(workspace, [job.dvc_name for job in jobs])
    retries = params.settings.flow
    futures: dict[str, PrefectFuture[StageRecord]] = {}
    try:
        for job in jobs:
            step = run_stage.with_options(
                name=job.stage.name,
                task_run_name=job.dvc_name,
                retries=retries.retries,
                retry_delay_seconds=retries.retry_delay_seconds,
                retry_condition_fn=may_pass,
            )
            upstream = [futures[name] for name in job.upstream if name in futures]
            futures[job.dvc_name] = step.submit(
                job,
                params.settings,
                stages,
                record,
                before[job.dvc_name],
                wait_for=upstream,
                return_state=False,
            )
        wait(list(futures.values()))
    finally:
        done = [job for job in jobs if job.dvc_name in futures and futures[job.dvc_name].state.is_completed()]
        changed = record_stages(workspace, done, before) if done else set()
    for category, chain in work.items():
        for job in chain:
            if job.dvc_name in changed:
                outcome.errors.setdefault(
                    category, f"its images or settings changed while {job.dvc_name} ran: run again"
                )
            elif job not in done and (error := _error(job, futures[job.dvc_name])):
                outcome.errors.setdefault(category, error)


def _error(job: Job, future: PrefectFuture[StageRecord]) -> str | None:
    """Why the job failed; None where it did not run because one it reads failed."""
    state = future.state
    if not state.is_failed() and not state.is_crashed():
        return None
    error = state.result(raise_on_failure=False)
    text = str(error) or type(error).__name__
    return f"{job.stage.name}: {text.splitlines()[0]}" if text else job.stage.name


def _register(
    workspace: Workspace,
    params: Params,
    categories: Sequence[Category],
    registry: Registry,
    stages: RayStages,
    record: RetrainRecord,
    outcome: _Outcome,
) -> None:
    """Registers the complete categories, each on its own: the registry may refuse one and take the next."""
    futures = {
        category: register.submit(
            workspace, category, params.plan.method(category), params.settings, registry, stages, record
        )
        for category in categories
        if category not in outcome.errors
    }
    wait(list(futures.values()))
    for category, future in futures.items():
        if future.state.is_completed():
            outcome.registrations[category] = future.result()
        else:
            error = future.state.result(raise_on_failure=False)
            outcome.errors[category] = f"register: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
