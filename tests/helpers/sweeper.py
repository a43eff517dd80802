"""Ends what a test leaves behind when it is killed: run as a program, it waits until its standard input is closed.

Each line of it names a session, whose processes are then killed; the folder that is its argument goes after them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Sweeper:
    """Of a test that goes on: what it is told of is swept when the test ends, however that is."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def watch(self, session: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{session}\n")
        self._process.stdin.flush()


@contextmanager
def swept(folder: Path) -> Iterator[Sweeper]:
    """After the block, too, the folder and the sessions are gone."""
    command = [sys.executable, "-S", __file__, str(folder)]
    # In a session of its own: Ctrl-C is for the test.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield Sweeper(process)
    finally:
        process.communicate()


def in_sessions(sessions: set[int]) -> list[int]:
    """The living processes of them; a zombie is dead."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name, which may be anything: state, parent, group, session.
            state, _, _, session = file.read_text().rpartition(")")[2].split()[:4]
            if int(session) in sessions and state != "Z":
                found.append(int(file.parent.name))
    return found


def kill_sessions(sessions: set[int]) -> None:
    """Until none is left that could start another."""
    while processes := in_sessions(sessions):
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


if __name__ == "__main__":
    kill_sessions({int(line) for line in sys.stdin})
    shutil.rmtree(sys.argv[1], ignore_errors=True)
