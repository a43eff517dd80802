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
from collections.abc import Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from prefect import flow, get_run_logger
from prefect.context import TagsContext
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.digest import OUTCOMES, outcome_of, tally, urgent
from flows.outcome import Outcome
from flows.result import table_rows
from services.addresses import Services, configure
from services.closing import claim_flow_run, close_left
from services.dvc import staleness
from services.git import git_commit
from services.interrupts import covered, held
from services.mlflow.calls import AwayError
from services.mlflow.recording import RetrainRecord, retrain_record
from services.mlflow.registration import registered
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.ray.runner import RayStages
from services.watching import Planned, tell
from tasks.publish import publish
from tasks.record import record_stages
from tasks.register import register
from tasks.report import report
from tasks.run_stage import may_pass, run_stage
from tasks.version import version
from tocoad.errors import StageError, error_line
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import Params, load_params
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import Job, distinct
from tocoad.stages.stage import StageRecord

# Each waits for a stage on Ray, or registers a category: at most as many stages run at a time. A machine has room for
# fewer, and Ray decides how many; a cluster may have room for more.
_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=64))

# What a page of Prefect takes of many categories: rows of the result's table, errors in the run's state.
_ROWS_MAX, _TOLD_MAX = 100, 10

_outcome: ContextVar[Outcome | None] = ContextVar("outcome", default=None)


class CategoriesFailedError(StageError):
    """At least one category failed; the others are complete. `result` is the whole document."""

    def __init__(self, result: dict[str, Any]) -> None:
        failed = [f"{name}: {entry['error']}" for name, entry in result["categories"].items() if entry["error"]]
        rest = [f"and {len(failed) - _TOLD_MAX} more"] if len(failed) > _TOLD_MAX else []
        super().__init__("; ".join(failed[:_TOLD_MAX] + rest))
        self.result = result


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
    outcome = _outcome.get() or _planned(place, dataset, categories)
    # A tag of the run would be each task's too, and for each of a task's tags Prefect asks its server for a slot.
    with TagsContext(current_tags=set()):
        try:
            _retrain(services, load_params(place), force, outcome)
        except Exception as error:
            outcome.fail(error)
        result = outcome.document(str(flow_run.get_id()), time.perf_counter() - started)
        try:
            entries = result["categories"]
            rows = table_rows(urgent(entries, _ROWS_MAX, outcome_of, OUTCOMES))
            told = f"retrain of {dataset}, {result['seconds']} s; {tally(entries, outcome_of, OUTCOMES)}"
            publish(dataset, rows, told, outcome.report)
        except Exception as error:
            outcome.warnings.append(f"Prefect does not have the table of the result ({error_line(error)})")
    if outcome.errors:
        raise CategoriesFailedError(result) from outcome.fault
    return result


def run_retrain(
    workspace: Workspace, dataset: str, categories: list[str] | None, force: bool
) -> tuple[dict[str, Any], Exception | None]:
    """Runs the flow. Its document is there however it ends, whether or not Prefect could be told; beside it, what ended
    it as a whole, if anything did.

    Raises:
        SettingsError: there is no such data set or category.
        KeyboardInterrupt: it was interrupted; what was finished is kept.
    """
    started = time.perf_counter()
    outcome = _planned(workspace, dataset, categories)
    token = _outcome.set(outcome)
    try:
        return retrain(dataset, categories, force, str(workspace.root)), outcome.fault
    except CategoriesFailedError as error:
        return error.result, outcome.fault
    except Exception as error:
        if (interrupt := covered(error)) is not None:
            raise interrupt from None
        if not outcome.is_complete:
            outcome.fail(error)
        outcome.warnings.append(f"Prefect was not told how the run ended ({error_line(error)})")
        return outcome.document(None, time.perf_counter() - started), outcome.fault
    finally:
        _outcome.reset(token)


def _planned(workspace: Workspace, dataset: str, categories: list[str] | None) -> Outcome:
    chosen = plan_categories(workspace, dataset, categories)
    return Outcome(workspace, dataset, chosen, load_params(workspace).plan)


def _retrain(services: Services, params: Params, force: bool, outcome: Outcome) -> None:
    """Fills in the outcome. An error that is one category's is found there; what is raised has ended them all."""
    place, dataset, plan = outcome.workspace, outcome.dataset, outcome.plan
    outcome.work = version(place, dataset, outcome.categories, plan, force)
    tracking = Tracking(services)
    registry = tracking.registry()
    close_left(services, tracking)
    for category in outcome.categories:
        if not outcome.work[category] and (known := registered(place, category, plan.method(category), registry)):
            outcome.registrations[category] = known
    open_categories = [category for category in outcome.categories if category not in outcome.registrations]
    if not open_categories:
        return
    commit = str(git_commit(place) or "none")
    with ExitStack() as stack:
        record = stack.enter_context(
            retrain_record(tracking, place, dataset, params.settings, commit, outcome.errors, outcome.warnings)
        )
        stages = stack.enter_context(RayStages(place, params.settings.ray))
        _run_stages(params, open_categories, stages, record, outcome)
        _register(params, open_categories, registry, stages, record, outcome)
        if judged := [category for category in open_categories if category not in outcome.errors]:
            outcome.report = _report(place, dataset, judged, record)


def _report(workspace: Workspace, dataset: str, categories: Sequence[Category], record: RetrainRecord) -> str | None:
    """The link to the report. What was trained and registered stands without it: a fault is told, and no more."""
    state = report(dataset, workspace, categories, record, return_state=True)
    if state.is_completed():
        link: str = state.result()
        return link
    get_run_logger().error("the report was not written: %s", state.result(raise_on_failure=False))
    return None


def _run_stages(
    params: Params, categories: Sequence[Category], stages: RayStages, record: RetrainRecord, outcome: Outcome
) -> None:
    """Submits every job behind those it reads, once, waits for all, and commits what was made to DVC, even after a
    fault.
    """
    workspace, work = outcome.workspace, {category: outcome.work[category] for category in categories}
    jobs = distinct(job for chain in work.values() for job in chain)
    if not jobs:
        return
    tell(Planned(len(jobs)))
    before = staleness.sources(workspace, [job.dvc_name for job in jobs])
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
        with held():
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
    return f"{job.stage.name}: {error_line(error)}"


def _register(
    params: Params,
    categories: Sequence[Category],
    registry: Registry,
    stages: RayStages,
    record: RetrainRecord,
    outcome: Outcome,
) -> None:
    """Registers the complete categories, each on its own: the registry may refuse one and take the next."""
    futures = {
        category: register.submit(
            outcome.workspace, category, params.plan.method(category), params.settings, registry, stages, record
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
            outcome.errors[category] = f"register: {error_line(error)}"
            if isinstance(error, AwayError):
                outcome.unregistered.add(category)
                outcome.errors[category] += "; the next retrain registers it, without training"
