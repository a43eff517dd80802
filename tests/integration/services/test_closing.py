"""What dead holders left is closed, on real servers; what lives, and what is another's, is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.addresses import Services, configure
from services.closing import NOTE, close_left, close_served
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# A process with a run of MLflow and a flow run, each with its holder, that says so and then works on.
WORKS = """
import sys, time
from pathlib import Path
from services.prefect.server import prefect_api
from services.addresses import configure
from tocoad.files.workspace import Workspace
services = configure(Workspace(Path(sys.argv[1])))
from services.mlflow.tracking import Tracking
run = Tracking(services).start(Tracking(services).experiment("closing"), "gear")

from prefect import flow, task
from prefect.runtime import flow_run

@task
def works():
    print(run.run_id, flow_run.get_id(), flush=True)
    time.sleep(600)

@flow
def closing():
    works()

with prefect_api(services) as api:
    api.ready()
    closing()
"""
POOL = "closing"


@pytest.fixture
def start(mlflow_server: str, prefect_server: str, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Starts such a process in a workspace; gives it, its run of MLflow and its flow run."""
    processes = []

    def start(workspace: str) -> tuple[subprocess.Popen[str], str, str]:
        environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server, "PREFECT_API_URL": prefect_server}
        command = [sys.executable, "-c", WORKS, str(tmp_path / workspace)]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        run, flow_run = process.stdout.readline().split()
        return process, run, flow_run

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def here(
    mlflow_server: str, prefect_server: str, tmp_path: Path, restored_environment: None
) -> Iterator[tuple[Services, Any]]:
    """This workspace's services, and a client of its Prefect server."""
    os.environ["MLFLOW_TRACKING_URI"] = mlflow_server
    services = configure(Workspace(tmp_path / "here"))
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        yield services, client


def test_runs_are_closed_of_the_dead_alone_and_of_this_workspace_alone(
    here: tuple[Services, Any], start: Callable[[str], Any]
) -> None:
    services, client = here
    killed, living, elsewhere = start("here"), start("here"), start("elsewhere")
    for process, _, _ in (killed, elsewhere):
        process.kill()
        process.wait()
    tracking = Tracking(services)
    close_left(services, tracking)

    def states(run: str, flow_run: str) -> tuple[str, str]:
        return tracking.client.get_run(run).info.status, client.read_flow_run(flow_run).state_name

    assert states(*killed[1:]) == ("KILLED", "Crashed")
    assert states(*living[1:]) == ("RUNNING", "Running")
    assert states(*elsewhere[1:]) == ("RUNNING", "Running")
    assert tracking.client.get_run(killed[1]).data.tags["mlflow.note.content"] == NOTE
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    def task_state() -> str:
        (task,) = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[killed[2]])))
        return str(task.state_name)

    assert task_state() == "Crashed"


def test_a_task_whose_end_was_lost_is_closed_though_its_flow_run_had_ended(
    here: tuple[Services, Any], start: Callable[[str], Any]
) -> None:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.states import Completed

    services, client = here
    process, _, flow_run = start("here")

    def states() -> list[str]:
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
        return [str(task.state_name) for task in tasks]

    while states() != ["Running"]:
        time.sleep(0.1)
    process.kill()
    process.wait()
    client.set_flow_run_state(flow_run, Completed(), force=True)
    close_left(services, Tracking(services))
    assert states() == ["Crashed"]
    assert client.read_flow_run(flow_run).state_name == "Completed"


def test_a_server_that_is_away_stops_no_work_and_is_closed_later(
    here: tuple[Services, Any], start: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    services, client = here
    process, run, flow_run = start("here")
    process.kill()
    process.wait()
    tracking = Tracking(services)
    with temporary_settings(updates={PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        close_left(services, tracking)
    assert "not closed" in caplog.text
    close_left(services, tracking)
    assert client.read_flow_run(flow_run).state_name == "Crashed"
    assert tracking.client.get_run(run).info.status == "KILLED"


def test_what_a_worker_left_is_closed_and_what_outlived_it_is_not(here: tuple[Services, Any]) -> None:
    from prefect import flow
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.states import Pending

    services, client = here
    client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    flow_id = client.create_flow_from_name(flow(lambda: None, name="nightly").name)
    deployment = client.create_deployment(flow_id, "left", work_pool_name=POOL)

    def begin() -> Any:
        run = client.create_flow_run_from_deployment(deployment).id
        client.set_flow_run_state(run, Pending())
        return run

    def state(run: Any) -> str:
        return str(client.read_flow_run(run).state_name)

    left, outlived = begin(), begin()
    # A flow's process that outlived its worker, not yet so far as to mark the run.
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": str(outlived)}
    with subprocess.Popen(["sleep", "600"], env=environment) as process:
        close_served(services, POOL)
        assert [state(left), state(outlived)] == ["Crashed", "Pending"]
        process.kill()
    close_served(services, POOL)
    assert state(outlived) == "Crashed"
