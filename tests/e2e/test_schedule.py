"""`make serve` in a workspace: the deployments, as they are written, on a real server with a real worker.

It follows `test_retrain.py`, which leaves `plate` trained with another seed than the settings have: it is stale.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.helpers.on_request import on_request
from tests.helpers.processes import MARK, free_port, kill_marked, marked, wait_until

pytestmark = [pytest.mark.e2e, on_request("story"), pytest.mark.timeout(900)]

PROJECT = Path(__file__).parents[2]
CODE = ("cli", "flows", "infra/prefect", "services", "tasks", "tocoad")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Night:
    """`make serve`, as often as it is started, and what its server says."""

    def __init__(self, root: Path, log: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.log = log
        self._root = root
        self._port = free_port()
        self._api = httpx.Client(base_url=f"http://127.0.0.1:{self._port}/api", timeout=60, trust_env=False)

    def start(self) -> subprocess.Popen[bytes]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "RAY_"))}
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "infra/prefect/serve.py", "--port", str(self._port)],
                cwd=self._root,
                env={**kept, MARK: self.mark, "PYTHONPATH": str(self._root)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def serve(self) -> subprocess.Popen[bytes]:
        process = self.start()

        def is_ready() -> bool:
            assert process.poll() is None, self.log.read_text()
            return "Prefect: http" in self.log.read_text()

        wait_until("`make serve`", is_ready, 300)
        return process

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        # 503 is the server's word for a database that is busy; Prefect's own client waits and asks again, too.
        def answer() -> httpx.Response | None:
            answer = self._api.request(method, f"/{path}", json=body)
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        return wait_until(path, answer, 60).raise_for_status().json()

    def start_run(self, deployment: str, cron: str, category: str) -> str:
        found = self.call("GET", f"deployments/name/{deployment}")
        assert [entry["schedule"]["cron"] for entry in found["schedules"] if entry["active"]] == [cron]
        parameters = {"dataset": "tiny", "categories": [category]}
        run = self.call("POST", f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def nightly(self) -> str:
        return self.start_run("retrain/nightly", "0 2 * * *", "plate")

    def weekly(self) -> str:
        return self.start_run("reevaluate/weekly", "0 5 * * 0", "gear")

    def processes(self, run: str) -> list[psutil.Process]:
        """That work on a flow run."""
        return [process for process in marked(self.mark) if process.environ().get("PREFECT__FLOW_RUN_ID") == run]

    def workers(self) -> list[psutil.Process]:
        return [process for process in marked(self.mark) if "worker" in process.cmdline()]

    def state(self, run: str) -> str:
        return str(self.call("GET", f"flow_runs/{run}")["state"]["name"])

    def has_ended(self, run: str) -> bool:
        return self.call("GET", f"flow_runs/{run}")["state"]["type"] in ENDED

    def tasks(self, run: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.call("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return tasks

    def table(self, run: str, key: str) -> list[dict[str, Any]]:
        wanted = {"artifacts": {"key": {"any_": [key]}}, "flow_runs": {"id": {"any_": [run]}}}
        (table,) = self.call("POST", "artifacts/filter", wanted)
        rows: list[dict[str, Any]] = json.loads(table["data"])
        return rows


@pytest.fixture
def night(shop: Any, tmp_path: Path) -> Iterator[Night]:
    """The workspace is a checkout for the time of the test, as `make serve` has it: all code is its own."""
    for name in CODE:
        shutil.copytree(PROJECT / name, shop.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    night = Night(shop.root, tmp_path / "serve.log")
    yield night
    kill_marked(night.mark)
    for name in CODE:
        shutil.rmtree(shop.root / name)


def mlflow_runs(shop: Any) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{shop.root}/.services/mlflow.db")
    return list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def ledger(shop: Any) -> list[tuple[str, int]]:
    file = shop.root / "work/tiny/ledger.jsonl"
    entries = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(entry["model"], entry["version"]) for entry in entries]


@pytest.fixture
def one_image_less(shop: Any) -> Iterator[None]:
    """Of the test images of `gear`, since it was judged."""
    image = min((shop.root / "data/tiny/gear/test/good").iterdir())
    content = image.read_bytes()
    image.unlink()
    yield
    image.write_bytes(content)


@pytest.mark.usefixtures("one_image_less")
def test_a_run_without_signs_of_life_is_called_crashed_and_killed_the_next_finishes_its_work(
    shop: Any, night: Night
) -> None:
    before = max((version for model, version in ledger(shop) if model == "tiny.plate"), default=0)
    serve = night.serve()
    dead = night.nightly()

    def stage_runs() -> bool:
        assert not night.has_ended(dead), night.log.read_text()
        return any("@" in task["name"] and task["state"]["name"] == "Running" for task in night.tasks(dead))

    wait_until("the first stage", stage_runs, 300, pause=0.5)
    # It hangs, and its worker is gone, which would have told of its end.
    for process in night.processes(dead):
        process.suspend()
    (worker,) = night.workers()
    worker.kill()
    # The one waits for the workspace's lease, the other for a turn that nobody renews any more.
    night_after, weekly = night.nightly(), night.weekly()
    wait_until("the automation", lambda: night.state(dead) != "Running", 300, pause=1)
    state = night.call("GET", f"flow_runs/{dead}")["state"]
    assert (state["name"], state["message"].startswith("It has given no sign of life")) == ("Crashed", True)
    assert not night.has_ended(night_after)
    for process in night.processes(dead):
        process.kill()

    wait_until("the weekly run", lambda: night.has_ended(weekly), 300, pause=1)
    assert night.state(weekly) == "Completed"
    (row,) = night.table(weekly, "reevaluate-tiny")
    assert (row["category"], row["status"], row["verdict"]) == ("gear", "judged", "promoted")
    wait_until("the next night", lambda: night.has_ended(night_after), 300, pause=1)
    assert night.state(night_after) == "Completed"
    tasks = night.tasks(night_after)
    assert {task["state"]["type"] for task in tasks} == {"COMPLETED"}
    # "version tiny", "evaluate_tocoad@tiny/plate", "record-1a2"
    names = {re.split("[-@ ]", task["name"])[0] for task in tasks}
    assert {"version", "evaluate_tocoad", "record", "register", "publish"} <= names
    (row,) = night.table(night_after, "retrain-tiny")
    assert (row["category"], row["status"]) == ("plate", "trained")
    # The seed alone has changed: the same images give another detector, and so another version.
    assert [version for model, version in ledger(shop) if model == "tiny.plate"][-1] == before + 1
    assert {task["state"]["name"] for task in night.tasks(dead)}.isdisjoint({"Running"})
    runs = mlflow_runs(shop)
    assert "RUNNING" not in {run.info.status for run in runs}
    assert any(run.info.status == "KILLED" and "killed" in run.data.tags["mlflow.note.content"] for run in runs)

    assert night.start().wait(60) == 2
    assert night.log.read_text() == "error: this workspace is served already; stop that `make serve` first\n"
    serve.send_signal(signal.SIGTERM)
    assert serve.wait(60) == 0
    wait_until("the end of every process", lambda: not marked(night.mark), 60)
