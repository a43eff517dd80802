"""What a local cluster starts is known by id and start time, and stopped whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local import processes
from infra.local.state import MARK, Recorded, State, create
from tests.helpers.processes import wait_until

# Ignores what asks it to end, as does its child, and says when both are there.
STUBBORN = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path("child").write_text(str(child.pid))
time.sleep(60)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = create(tmp_path / "cluster")
    yield state
    processes.kill(processes.marked(state.secrets["mark"]))


def start(state: State, program: str) -> psutil.Process:
    processes.start(state, "server", [sys.executable, "-c", program], os.environ, state.folder)
    process = processes.living(state.processes["server"])
    assert process is not None
    return process


def test_a_process_that_has_got_the_same_number_later_is_another(state: State) -> None:
    process = start(state, "import time; time.sleep(60)")
    recorded = state.processes["server"]
    assert processes.living(recorded) == process
    assert processes.living(Recorded(recorded.pid, recorded.started - 60)) is None


def test_one_that_nobody_waited_for_is_dead(state: State) -> None:
    start(state, "pass")
    recorded = state.processes["server"]
    wait_until("its end", lambda: processes.living(recorded) is None, 30)
    assert psutil.Process(recorded.pid).status() == psutil.STATUS_ZOMBIE


def test_what_does_not_end_when_it_is_asked_is_killed_with_its_children(state: State) -> None:
    process = start(state, STUBBORN)
    file = state.folder / "child"
    child = psutil.Process(int(wait_until("the child", lambda: file.exists() and file.read_text(), 30)))
    processes.stop(process, signal.SIGTERM, 0.5)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    wait_until("the child's end", lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)


def test_what_a_killed_server_has_left_is_found_by_its_mark(state: State) -> None:
    process = start(state, STUBBORN)
    file = state.folder / "child"
    child = int(wait_until("the child", lambda: file.exists() and file.read_text(), 30))
    process.kill()
    wait_until("its end", lambda: processes.living(state.processes["server"]) is None, 10)
    assert [left.pid for left in processes.marked(state.secrets["mark"])] == [child]
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, MARK: "another"})
    assert other.pid not in [left.pid for left in processes.marked(state.secrets["mark"])]
    other.kill()
    other.wait()


def test_its_log_is_the_owners_alone(state: State) -> None:
    start(state, "print('a line')")
    assert state.log("server").stat().st_mode & 0o777 == 0o600
