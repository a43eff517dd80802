"""`make serve` in a workspace: the nightly deployment, as it is written, on a real server with a real worker.

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
import pytest

from tests.helpers.processes import MARK, free_port, kill_marked, marked, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

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

    def start_run(self) -> str:
        deployment = self.call("GET", "deployments/name/retrain/nightly")
        assert [entry["schedule"]["cron"] for entry in deployment["schedules"] if entry["active"]] == ["0 2 * * *"]
        parameters = {"dataset": "tiny", "categories": ["plate"]}
        run = self.call("POST", f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def state(self, run: str) -> str:
        return str(self.call("GET", f"flow_runs/{run}")["state"]["name"])

    def has_ended(self, run: str) -> bool:
        return self.call("GET", f"flow_runs/{run}")["state"]["type"] in ENDED

    def tasks(self, run: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.call("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return tasks

    def table(self, run: str) -> list[dict[str, Any]]:
        wanted = {"artifacts": {"key": {"any_": ["retrain-tiny"]}}, "flow_runs": {"id": {"any_": [run]}}}
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


def test_the_nightly_run_after_a_power_cut_retrains_what_is_stale(shop: Any, night: Night) -> None:
    before = max((version for model, version in ledger(shop) if model == "tiny.plate"), default=0)
    night.serve()
    cut = night.start_run()

    def stage_runs() -> bool:
        assert not night.has_ended(cut), night.log.read_text()
        return any("@" in task["name"] and task["state"]["name"] == "Running" for task in night.tasks(cut))

    wait_until("the first stage", stage_runs, 300, pause=0.5)
    kill_marked(night.mark)
    assert {run.info.status for run in mlflow_runs(shop)} >= {"RUNNING"}

    serve = night.serve()
    assert night.state(cut) == "Crashed"
    assert {task["state"]["name"] for task in night.tasks(cut)}.isdisjoint({"Running"})
    runs = mlflow_runs(shop)
    assert "RUNNING" not in {run.info.status for run in runs}
    assert any(run.info.status == "KILLED" and "killed" in run.data.tags["mlflow.note.content"] for run in runs)

    assert night.start().wait(60) == 2
    assert night.log.read_text() == "error: this workspace is served already; stop that `make serve` first\n"

    (worker,) = [process for process in marked(night.mark) if "worker" in process.cmdline()]
    worker.kill()
    run = night.start_run()
    wait_until("the next run", lambda: night.has_ended(run), 600, pause=1)
    assert night.state(run) == "Completed"
    tasks = night.tasks(run)
    assert {task["state"]["type"] for task in tasks} == {"COMPLETED"}
    # "version tiny", "evaluate_tocoad@tiny/plate", "record-1a2"
    names = {re.split("[-@ ]", task["name"])[0] for task in tasks}
    chain = {"version", "evaluate_tocoad", "record", "register", "publish"}
    assert chain <= names
    (row,) = night.table(run)
    assert (row["category"], row["status"]) == ("plate", "trained")
    status = json.loads(shop.run("tocoad", "status", "tiny", "--json").stdout)["categories"]
    assert status["plate"]["stale"] == []
    # The seed alone has changed: the same images give another detector, and so another version.
    assert ledger(shop)[-1] == ("tiny.plate", before + 1)

    serve.send_signal(signal.SIGTERM)
    assert serve.wait(60) == 0
    wait_until("the end of every process", lambda: not marked(night.mark), 60)
