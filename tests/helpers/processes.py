"""Servers and commands of a test. A command is known by a mark in its environment: whatever it starts inherits it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

MARK = "TOCOAD_TEST_MARK"
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def end_with_parent() -> None:
    """For `preexec_fn`, on Linux: a process ends with the thread that started it, be that killed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that leads a session of its own, and whatever it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def marked(*marks: str) -> list[psutil.Process]:
    """The living processes with one of the marks; a zombie is dead."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) in marks and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_marked(*marks: str) -> None:
    """As a power cut does: all of them, until none is left that could start another."""
    while processes := marked(*marks):
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        time.sleep(0.05)


def wait_until(what: str, condition: Callable[[], Any], seconds: float, pause: float = 0.2) -> Any:
    """The condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(pause)
    return value
