"""The embedded server: flows leave their whole record in the workspace, and no process behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.prefect.calls import PrefectServerError
from services.prefect.server import EmbeddedServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

FLOW = """
import sys
from pathlib import Path
from services.prefect.server import prefect_api
from services.addresses import configure
from tocoad.files.workspace import Workspace

with prefect_api(configure(Workspace(Path(sys.argv[1])))) as api:
    from prefect import flow, task
    from prefect.artifacts import create_table_artifact

    attempts = []

    @task(name="flaky", retries=1)
    def flaky(name):
        attempts.append(name)
        if attempts.count("gear") == 1:
            raise ValueError("once")
        return name

    @flow(name="demo")
    def demo():
        create_table_artifact(key="result", table=[{"category": "gear"}])
        return [future.result() for future in flaky.map(["gear"])]

    api.ready()
    assert demo() == ["gear"]
"""
WAITS = """
import sys, time
from pathlib import Path
from services.prefect.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print(server._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str, Path], Any]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_"))}
    environment["AWS_SECRET_ACCESS_KEY"] = "of a store"

    def run(code: str, folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(folder)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, cwd=tmp_path)

    return run


def test_two_first_flows_at_once_both_leave_their_record_and_their_log_in_the_workspace(
    run: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    processes = [run(FLOW, tmp_path / "a workspace") for _ in range(2)]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    home = tmp_path / "a workspace" / ".services" / "prefect"
    with sqlite3.connect(home / "prefect.db") as database:
        runs = database.execute("select state_name from flow_run").fetchall()
        tasks = database.execute("select name, state_name, run_count from task_run").fetchall()
    assert runs == [("Completed",)] * 2
    assert [(name.partition("-")[0], state, count) for name, state, count in tasks] == [("flaky", "Completed", 2)] * 2
    logs = {log.name: log.read_text() for log in home.glob("server*.log")}
    assert sorted(logs) == sorted(f"server-{process.pid}.log" for process in processes)
    assert not any("Traceback" in log for log in logs.values()), logs


def test_the_logs_of_the_last_servers_are_kept_and_those_of_processes_that_run(tmp_path: Path) -> None:
    # Process 1 runs on every machine, and none has so high a number.
    old = [tmp_path / f"server-{number}.log" for number in (1, *range(4_194_305, 4_194_330))]
    for age, log in enumerate(old):
        log.write_text("old")
        os.utime(log, (age, age))
    EmbeddedServer(tmp_path).stop()
    kept = [tmp_path / f"server-{os.getpid()}.log", old[0], *old[-9:]]
    assert sorted(tmp_path.glob("server*.log")) == sorted(kept)


def test_the_server_has_no_key_of_a_store_and_dies_with_its_parent(
    run: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = run(WAITS, tmp_path / "home")
    assert process.stdout is not None
    server = int(process.stdout.readline())
    assert "AWS_SECRET_ACCESS_KEY" in psutil.Process(process.pid).environ()
    assert "AWS_SECRET_ACCESS_KEY" not in psutil.Process(server).environ()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{server}").exists() and "Z" not in Path(f"/proc/{server}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.1)


def test_a_server_that_cannot_start_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "nonsense")
    server = EmbeddedServer(tmp_path)
    try:
        with pytest.raises(PrefectServerError, match=r"server-\d+\.log"):
            server.wait()
    finally:
        server.stop()
    assert (tmp_path / f"server-{os.getpid()}.log").stat().st_size > 0
