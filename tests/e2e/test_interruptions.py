"""A retrain that is stopped, killed and left without its server: what was finished stays, and the outcome is told.

One story, in this order; every step goes on from what the one before left.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

KEPT = "what was finished is kept; the same command goes on from there\n"
COMMAND = ("tocoad", "retrain", "tiny", "--method", "patchcore", "--json")
SERVER_LOGS, EVALUATING = ".services/prefect/server*.log", "work/tiny/gear/patchcore/.evaluate.incoming-*"
# DVC itself puts another copy, or a link, in the place of what it records; these are not its own.
FINISHED = ("manifest/record.json", "patchcore/fit/record.json")


@pytest.fixture(scope="module")
def lone(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.gear_alone(tmp_path_factory.mktemp("interrupted") / "workspace")


@pytest.fixture
def running(lone: Any) -> Iterator[subprocess.Popen[str]]:
    # What the step before left, killed as it was, is not to be taken for a sign of this one.
    for log in lone.root.glob(SERVER_LOGS):
        log.unlink()
    for folder in lone.root.glob(EVALUATING):
        shutil.rmtree(folder)
    process = lone.start(*COMMAND)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def wait_for(process: subprocess.Popen[str], root: Path, pattern: str) -> None:
    """Until there is such a file or folder; another would mean that the command ended first."""
    deadline = time.monotonic() + 300
    while not any(root.glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def times(lone: Any) -> list[int]:
    return [(lone.root / "work/tiny/gear" / name).stat().st_mtime_ns for name in FINISHED]


def rows(lone: Any, database: str, query: str) -> list[Any]:
    with sqlite3.connect(lone.root / ".services" / database) as connection:
        return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGTERM, f"terminated: {KEPT}"), (signal.SIGINT, f"interrupted: {KEPT}")]
)
def test_a_signal_while_everything_starts_is_one_line(
    lone: Any, running: subprocess.Popen[str], number: int, told: str
) -> None:
    """The embedded server is starting, and the libraries are being imported."""
    wait_for(running, lone.root, SERVER_LOGS)
    time.sleep(0.5)
    running.send_signal(number)
    assert ended(running) == (128 + number, "", told)


def test_a_kill_forgets_nothing_that_was_finished(lone: Any, running: subprocess.Popen[str]) -> None:
    wait_for(running, lone.root, "work/tiny/gear/patchcore/fit")
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not (lone.root / "dvc.lock").exists()


def test_sigterm_closes_what_runs_and_records_what_is_finished(lone: Any, running: subprocess.Popen[str]) -> None:
    before = times(lone)
    wait_for(running, lone.root, EVALUATING)
    running.send_signal(signal.SIGTERM)
    assert ended(running) == (143, "", f"terminated: {KEPT}")
    assert times(lone) == before
    lock = (lone.root / "dvc.lock").read_text()
    assert [f"{name}@tiny/gear" in lock for name in ("manifest", "fit_patchcore", "evaluate_patchcore")] == [1, 1, 0]
    assert "RUNNING" not in rows(lone, "mlflow.db", "select status from runs")
    assert rows(lone, "mlflow.db", "select status from runs order by start_time desc limit 1") == ["KILLED"]
    assert "RUNNING" not in rows(lone, "prefect/prefect.db", "select state_type from flow_run")


def test_a_retrain_whose_prefect_server_dies_has_its_outcome(lone: Any, running: subprocess.Popen[str]) -> None:
    before = times(lone)
    wait_for(running, lone.root, "work/tiny/gear/patchcore/evaluate")
    os.kill(embedded_server(running.pid), signal.SIGKILL)
    code, output, errors = ended(running)
    assert code == 0, errors
    assert "Traceback" not in errors
    document = json.loads(output)
    assert document["error"] is None
    assert document["categories"]["gear"]["decision"]["verdict"] == "promoted"
    assert document["warnings"]
    assert all(warning.startswith("Prefect") for warning in document["warnings"])
    assert f"warning: {document['warnings'][0]}"[:60] in errors
    assert times(lone) == before
    assert rows(lone, "mlflow.db", "select status from runs order by start_time desc limit 2") == ["FINISHED"] * 2


def embedded_server(parent: int) -> int:
    children = [
        int(pid) for file in Path(f"/proc/{parent}/task").glob("*/children") for pid in file.read_text().split()
    ]
    (found,) = (pid for pid in children if "services.prefect.server" in Path(f"/proc/{pid}/cmdline").read_text())
    return found
