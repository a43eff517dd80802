"""Processes of a local cluster: started apart from the terminal, known by id and start time, and stopped by that.

What such a process starts itself inherits a mark in its environment, so that it is found when its parent is gone.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from infra.local.errors import ClusterError
from infra.local.state import MARK, Recorded, State

# A clock that was set moves the times that the system gives by a little.
_SAME_SECONDS = 2.0
_KILL_SECONDS = 10.0
# A server that is asked to end still writes down what it was told.
STOP_SECONDS = 30.0


def start(
    state: State,
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    user: str | None = None,
) -> None:
    """Its output goes to its log; it is recorded before anything is waited for."""
    descriptor = os.open(state.log(name), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, MARK: state.secrets["mark"]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **as_user(user),
        )
    state.processes[name] = Recorded(process.pid, psutil.Process(process.pid).create_time())
    state.save()


def as_user(user: str | None) -> dict[str, Any]:
    """Options of subprocess; None is who we are."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def living(recorded: Recorded | None) -> psutil.Process | None:
    """The process, if it is still that one."""
    if recorded is None:
        return None
    with suppress(psutil.Error):
        process = psutil.Process(recorded.pid)
        if abs(process.create_time() - recorded.started) < _SAME_SECONDS and lives(process):
            return process
    return None


def marked(mark: str) -> list[psutil.Process]:
    """What a process with this mark has started, or has left behind."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.pid != os.getpid() and lives(process):
                found.append(process)
    return found


def stop(process: psutil.Process, number: signal.Signals, seconds: float) -> None:
    """Asks the process to end; what is then left of it and of its children is killed.

    Raises:
        ClusterError: one does not die.
    """
    family = [process]
    with suppress(psutil.Error):
        family += process.children(recursive=True)
    _signal([process], number)
    kill(_left(family, seconds))


def kill(processes: Iterable[psutil.Process]) -> None:
    """Raises ClusterError if one does not die."""
    processes = list(processes)
    _signal(processes, signal.SIGKILL)
    if left := _left(processes, _KILL_SECONDS):
        raise ClusterError(f"process {left[0].pid} does not end, not even killed: look at it with ps")


def _left(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that live after at most that time."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if lives(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def lives(process: psutil.Process) -> bool:
    """A zombie is dead; where nobody asks for its end it stays for ever."""
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
