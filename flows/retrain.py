"""The retrain flow: version -> synthesize -> stage 1 -> stage 2 -> evaluate -> register -> report.

Every category is a chain of its own; one that fails stops no other. As many stages run at a time as have a place.
"""

from __future__ import annotations

import sys

if __name__ != "flows.retrain":
    # A Prefect worker loads this file by its path and puts its folder and the workspace before all else, for ever: what
    # lies there is a user's. Our packages are found where they are for every other process.
    del sys.path[:2]
    import tocoad.rooms

    tocoad.rooms.enter()

import time
from collections.abc import Sequence
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, cast

from prefect import flow, get_run_logger
from prefect.context import TagsContext
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.commit_message import commit_message
from flows.digest import OUTCOMES, outcome_of, tally, urgent
from flows.notice import retrain_notice
from flows.outcome import Outcome
from flows.result import table_rows
from flows.stages import run_and_record
from tasks.approve import ask
from tasks.commit import commit
from tasks.interrupts import covered
from tasks.night import keep_night
from tasks.notify import tell_finished, told_when_finished
from tasks.publish import publish
from tasks.push import Push, pushing
from tasks.register import AwayError, announce, register
from tasks.report import report
from tasks.session import Connection, Session, TurnTakenError, Workshop
from tasks.version import Stale, version
from tocoad.errors import StageError, error_line
from tocoad.files.lease import FOREVER, lease_of
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.file import Params, load_params
from tocoad.settings.planning import plan_categories, select_categories
from tocoad.settings.sections import Settings
from tocoad.stages.owners import owners_of

# Each registers a category; the stages need none. MLflow has 15 connections to its database, on a server too, and who
# waits for one for half a minute is refused: of 100 categories at 64 a time 13 were.
_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=8))

# What a page of Prefect takes of many categories: rows of the result's table, errors in the run's state.
_ROWS_MAX, _TOLD_MAX = 100, 10

_outcome: ContextVar[Outcome | None] = ContextVar("outcome", default=None)
# How long the data set's turn is waited for.
_wait: ContextVar[float] = ContextVar("wait", default=FOREVER)


class CategoriesFailedError(StageError):
    """At least one category failed; the others are complete. `result` is the whole document."""

    def __init__(self, result: dict[str, Any]) -> None:
        failed = [f"{name}: {entry['error']}" for name, entry in result["categories"].items() if entry["error"]]
        rest = [f"and {len(failed) - _TOLD_MAX} more"] if len(failed) > _TOLD_MAX else []
        super().__init__("; ".join(failed[:_TOLD_MAX] + rest))
        self.result = result


@flow(name="retrain", flow_run_name="retrain {dataset}", task_runner=_RUNNER)
def retrain(
    dataset: str,
    categories: list[str] | None = None,
    force: bool = False,
    workspace: str | None = None,
    push: bool = True,
) -> dict[str, Any]:
    """Retrains what is stale of a data set, evaluates it, registers it, and promotes what is better.

    Args:
        dataset: a data set of the workspace.
        categories: these alone; None takes all.
        force: run every stage, stale or not.
        workspace: its folder; None takes the current one.
        push: put images and results into the workspace's remote, where it has one.

    Returns:
        The document of `tocoad retrain --json`.

    Raises:
        CategoriesFailedError: some categories failed; the others are complete.
    """
    started = time.perf_counter()
    place = Workspace(Path(workspace or ".").resolve())
    session = Session(place)

    def owners() -> set[Owner]:
        return owners_of(select_categories(place, dataset, categories), load_params(place).plan)

    with told_when_finished(place, "retrain", dataset) as ending:
        with (
            lease_of(place, owners, f"the flow retrain {dataset}"),
            session.turn(dataset, _wait.get()),
            # A tag of the run would be each task's too, and for each tag of a task Prefect asks its server for a slot.
            TagsContext(current_tags=set()),
        ):
            outcome = _outcome.get() or _planned(place, dataset, categories)
            outcome.tells = True
            with pushing(place, dataset, push) as pushed:
                try:
                    _retrain(session, load_params(place), force, outcome, pushed)
                except Exception as error:
                    outcome.fail(error)
                outcome.push = pushed.end(outcome.warnings)
            result = outcome.document(str(flow_run.get_id()), time.perf_counter() - started)
            _publish(result, outcome)
            _commit(place, result, outcome)
        ending.notice, ending.warnings = partial(retrain_notice, result), outcome.warnings
    if outcome.errors:
        raise CategoriesFailedError(result) from outcome.fault
    return result


def run_retrain(
    workspace: Workspace,
    dataset: str,
    categories: list[str] | None,
    force: bool,
    push: bool = True,
    wait: float = FOREVER,
) -> tuple[dict[str, Any], Exception | None]:
    """Runs the flow. Its document is there however it ends, whether or not Prefect could be told; beside it, what ended
    it as a whole, if anything did. `wait` is for how many seconds another flow's turn is waited for.

    Raises:
        SettingsError: there is no such data set or category.
        KeyboardInterrupt: it was interrupted; what was finished is kept.
    """
    started = time.perf_counter()
    outcome = _planned(workspace, dataset, categories)
    token, waits = _outcome.set(outcome), _wait.set(wait)
    try:
        return retrain(dataset, categories, force, str(workspace.root), push), outcome.fault
    except CategoriesFailedError as error:
        return error.result, outcome.fault
    except TurnTakenError as error:
        outcome.fail(error)
        return outcome.document(None, time.perf_counter() - started), outcome.fault
    except Exception as error:
        if (interrupt := covered(error)) is not None:
            raise interrupt from None
        if not outcome.is_complete:
            outcome.fail(error)
        outcome.warnings.append(f"Prefect was not told how the run ended ({error_line(error)})")
        result = outcome.document(None, time.perf_counter() - started)
        if not outcome.tells:
            outcome.warnings += tell_finished(workspace, partial(retrain_notice, result))
        return result, outcome.fault
    finally:
        _outcome.reset(token)
        _wait.reset(waits)


def _publish(result: dict[str, Any], outcome: Outcome) -> None:
    """On the run's page in Prefect. The result stands without that: a fault is told, and no more."""
    entries = result["categories"]
    try:
        rows = table_rows(urgent(entries, _ROWS_MAX, outcome_of, OUTCOMES))
        told = f"retrain of {outcome.dataset}, {result['seconds']} s; {tally(entries, outcome_of, OUTCOMES)}"
        publish(outcome.dataset, rows, told, outcome.report)
    except Exception as error:
        outcome.warnings.append(f"Prefect does not have the table of the result ({error_line(error)})")


def _commit(workspace: Workspace, result: dict[str, Any], outcome: Outcome) -> None:
    """To git, where the settings want it. What is recorded stands without that: a refusal is told, and no more."""
    try:
        if load_params(workspace).settings.flow.commit == "git":
            commit(workspace, commit_message(result))
    except Exception as error:
        outcome.warnings.append(f"git does not have the record of the night ({error_line(error)})")


def _planned(workspace: Workspace, dataset: str, categories: list[str] | None) -> Outcome:
    chosen = plan_categories(workspace, dataset, categories)
    return Outcome(workspace, dataset, chosen, load_params(workspace).plan)


def _retrain(session: Session, params: Params, force: bool, outcome: Outcome, push: Push) -> None:
    """Fills in the outcome. An error that is one category's is found there; what is raised has ended them all."""
    dataset, plan = outcome.dataset, outcome.plan
    stale = version(outcome.workspace, dataset, outcome.categories, params, force)
    outcome.work = stale.work
    push.begin("images" if any(stale.work.values()) else "all")
    connection = session.connect()
    unchanged = {category: plan.method(category) for category in outcome.categories if not outcome.work[category]}
    outcome.registrations.update(known := connection.registered(dataset, unchanged, params.settings))
    outcome.judged.update(category for category, registration in known.items() if registration.expired)
    open_categories = [category for category in outcome.categories if category not in outcome.registrations]
    if open_categories:
        with connection.at_work(dataset, params.settings, outcome.errors, outcome.warnings) as shop:
            _run_stages(shop, stale, open_categories, outcome)
            push.begin("all")
            _register(shop, open_categories, outcome)
            if judged := [category for category in open_categories if category not in outcome.errors]:
                outcome.report = _report(dataset, shop, judged)
    _ask(connection, params.settings, outcome)


def _ask(connection: Connection, settings: Settings, outcome: Outcome) -> None:
    """Of each version that waits, whether it was trained now or some nights ago. The log waits in any case."""
    for category, registration in outcome.registrations.items():
        if registration.verdict == "waiting":
            state = ask(connection.workspace, connection.registry, category, settings.gate, return_state=True)
            result: Any = state.result(raise_on_failure=False)
            if not state.is_completed():
                outcome.warnings.append(f"{category} waits, and nobody was asked in Prefect ({error_line(result)})")
            elif result is not None:
                outcome.questions[category] = result


def _report(dataset: str, shop: Workshop, categories: Sequence[Category]) -> str | None:
    """The link to the report. What was trained and registered stands without it: a fault is told, and no more."""
    state = report(dataset, shop, categories, return_state=True)
    if state.is_completed():
        link: str = state.result()
        return link
    get_run_logger().error("the report was not written: %s", state.result(raise_on_failure=False))
    return None


def _run_stages(shop: Workshop, stale: Stale, categories: Sequence[Category], outcome: Outcome) -> None:
    if not (jobs := stale.jobs(categories)):
        return
    ran, changed = run_and_record(shop, jobs, stale)
    outcome.warnings += ran.warnings
    outcome.work = {
        category: [job for job in chain if job.dvc_name not in ran.unchanged] for category, chain in stale.work.items()
    }
    for category in categories:
        for job in stale.work[category]:
            if job.dvc_name in changed:
                outcome.errors.setdefault(
                    category, f"its images or settings changed while {job.dvc_name} ran: run again"
                )
            elif error := ran.failed.get(job.dvc_name):
                outcome.errors.setdefault(category, f"{job.stage.name}: {error_line(error)}")


def _register(shop: Workshop, categories: Sequence[Category], outcome: Outcome) -> None:
    """Registers the complete categories, each on its own: the registry may refuse one and take the next. What they are
    made of is in the record of the night before, so that no version is without.
    """
    complete = [category for category in categories if category not in outcome.errors]
    if not complete:
        return
    state = keep_night(shop, outcome.dataset, return_state=True)
    if not state.is_completed():
        error: Any = state.result(raise_on_failure=False)
        for category in complete:
            _tell_unregistered(outcome, category, error)
        return
    night = state.result()
    futures = {category: register.submit(shop, category, outcome.plan.method(category), night) for category in complete}
    announce(len(futures))
    wait(list(futures.values()))
    for category, future in futures.items():
        if future.state.is_completed():
            outcome.registrations[category] = future.result()
            outcome.judged.add(category)
        else:
            _tell_unregistered(outcome, category, future.state.result(raise_on_failure=False))


def _tell_unregistered(outcome: Outcome, category: Category, error: Exception) -> None:
    outcome.errors[category] = f"register: {error_line(error)}"
    if isinstance(error, AwayError):
        outcome.unregistered.add(category)
        outcome.errors[category] += "; the next retrain registers it, without training"
