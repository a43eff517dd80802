"""Closes what dead holders left: runs of Prefect and MLflow that say RUNNING though nobody works on them.

A process that is killed, or a machine without power, can't end its runs. The next retrain does, and `make serve` when
it starts. Only runs whose holder is provably dead are closed (`services.holders`); those of another machine or
workspace are closed from there, and those of a machine that never comes back are a person's to close.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from services.addresses import Services, configure
from services.holders import HOLDER_TAG, forget_long_dead, holders, own_tag
from tocoad.errors import first_line
from tocoad.files.workspace import Workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import FlowRun

    from services.mlflow.tracking import Tracking

NOTE = "its process was killed, its machine stopped, or this service was away at its end: closed by a later start"
_PAGE = 200  # flow runs that Prefect's server gives at once

logger = logging.getLogger(__name__)


def claim_flow_run(services: Services) -> None:
    """Marks the flow run that this process executes as its own: one that a worker started is nobody's before."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    tag = own_tag(services.workspace.services_dir)
    if tag is None or tag in (tags := flow_run.get_tags()):
        return
    with _harmless("the flow run was not marked with its holder"), get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.get_id()), tags=[*tags, tag])


def close_left(services: Services, tracking: Tracking) -> None:
    """Closes the runs of dead holders in Prefect and in MLflow; what fails waits for the next call."""
    from prefect.client.orchestration import get_client

    with _harmless("runs of dead processes were not closed"):
        known = holders(services.workspace.services_dir)
        if not (dead := {tag for tag, alive in known.items() if not alive}):
            return
        with get_client(sync_client=True) as client:
            close_flow_runs(client, (run for run in open_flow_runs(client) if not dead.isdisjoint(run.tags)))
            close_tasks(client, dead)
        close_mlflow_runs(tracking, dead)
        forget_long_dead(services.workspace.services_dir)


def close_served(services: Services, pool: str) -> None:
    """For a server of this machine alone, before its one worker starts: closes what the pool's workers before it left.

    A run whose process never came so far as to mark it is known by its process, which has the run's id.
    """
    from prefect.client.orchestration import get_client

    living = {tag for tag, alive in holders(services.workspace.services_dir).items() if alive}
    with get_client(sync_client=True) as client:
        runs = [run for run in open_flow_runs(client) if run.work_pool_name == pool]
        executed = executed_flow_runs()
        close_flow_runs(client, (run for run in runs if living.isdisjoint(run.tags) and str(run.id) not in executed))


def executed_flow_runs() -> set[str]:
    """The ids of the flow runs that processes of this machine execute for a worker."""
    import psutil

    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
    return found


@contextmanager
def _harmless(consequence: str) -> Iterator[None]:
    """A service that fails in the block stops no work."""
    try:
        yield
    except Exception as error:
        logger.warning("%s: %s", consequence, first_line(error))


def open_flow_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """The flow runs that have begun and not ended."""
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    begun = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    wanted = filters.FlowRunFilter(state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=begun)))
    runs: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=len(runs))
        runs += page
        if len(page) < _PAGE:
            return runs


def close_flow_runs(client: SyncPrefectClient, runs: Iterable[FlowRun]) -> None:
    """Crashed, with the tasks that were running."""
    from prefect.client.schemas import filters
    from prefect.states import Crashed

    for run in runs:
        _close_tasks(client, filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=[run.id])))
        client.set_flow_run_state(run.id, Crashed(message=NOTE), force=True)


def close_tasks(client: SyncPrefectClient, dead: Collection[str]) -> None:
    """Those whose end the server was never told, though it was told that of their flow run."""
    from prefect.client.schemas import filters

    _close_tasks(client, filters.FlowRunFilter(tags=filters.FlowRunFilterTags(any_=sorted(dead))))


def _close_tasks(client: SyncPrefectClient, flow_runs: FlowRunFilter) -> None:
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    running = filters.TaskRunFilterState(type=filters.TaskRunFilterStateType(any_=[StateType.RUNNING]))
    wanted = filters.TaskRunFilter(state=running)
    for task in client.read_task_runs(flow_run_filter=flow_runs, task_run_filter=wanted):
        client.set_task_run_state(task.id, Crashed(message=NOTE), force=True)


def close_mlflow_runs(tracking: Tracking, dead: Collection[str]) -> None:
    """Killed, with a note that says why."""
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

    client = tracking.client
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    filter_string = f"attributes.status = 'RUNNING' and tags.`{HOLDER_TAG}` != ''"
    for run in client.search_runs(experiments, filter_string):
        if run.data.tags[HOLDER_TAG] in dead:
            client.set_tag(run.info.run_id, MLFLOW_RUN_NOTE, NOTE)
            client.set_terminated(run.info.run_id, "KILLED")


def main(root: str, pool: str) -> None:
    """What `make serve` calls, in a process of its own: it needs these libraries for a moment only."""
    services = configure(Workspace(Path(root)))
    close_served(services, pool)
    with _harmless("runs of dead processes were not closed in MLflow"):
        from services.mlflow.tracking import Tracking

        close_left(services, Tracking(services))


if __name__ == "__main__":
    main(*sys.argv[1:])
