"""What a test started is gone with it, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from skip_report import reason

from tests.helpers.processes import wait_until
from tests.helpers.sweeper import in_sessions, swept

KILLED = """
import os, signal, subprocess, sys
from pathlib import Path
from tests.helpers.sweeper import swept

with swept(Path(sys.argv[1])) as sweeper:
    started = subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1000"], start_new_session=True)
    sweeper.watch(started.pid)
    print(started.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=reason("sessions are read from /proc", "on Linux"))


def test_a_killed_test_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "its own"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True, check=False, timeout=60
    )
    assert done.returncode == -9
    session = int(done.stdout)
    wait_until("all swept", lambda: not in_sessions({session}) and not folder.exists(), 20)


def test_after_the_block_what_was_watched_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "its own"
    folder.mkdir()
    with swept(folder) as sweeper:
        started = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        sweeper.watch(started.pid)
        assert in_sessions({started.pid}) == [started.pid]
    assert started.wait(20) == -9
    assert not folder.exists()
