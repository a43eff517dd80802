"""`down`: stops whatever was started for a folder, also by an `up` that was killed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from infra.local.catalogue import SERVERS
from infra.local.postgres import lost_postgres
from infra.local.processes import STOP_SECONDS, kill, living, marked, stop
from infra.local.state import State, alone, load


def take_down(folder: Path) -> None:
    """Raises ClusterError if a process does not end."""
    if load(folder) is None:
        print(f"{folder}: there is no cluster here", flush=True)
        return
    with alone(folder):
        state = load(folder)
        assert state is not None
        _stop_all(state)
        state.exports.unlink(missing_ok=True)
        if state.ray_folder:
            shutil.rmtree(state.ray_folder, ignore_errors=True)
            state.ray_folder = ""
        state.save()
    print(f"all of it is down; its data stay in {folder}", flush=True)


def _stop_all(state: State) -> None:
    for server in reversed(SERVERS):
        process = living(state.processes.pop(server.name, None))
        if process is not None:
            stop(process, server.ends_on, STOP_SECONDS)
            print(f"{server.name:15} stopped", flush=True)
        state.save()
    # Of an `up` that was killed before it could record, and what a killed server left.
    if left := marked(state.secrets["mark"]):
        kill(left)
        print(f"{len(left)} more of its processes stopped", flush=True)
    if (lost := lost_postgres(state)) is not None:
        stop(lost, signal.SIGINT, STOP_SECONDS)
        print("postgres        stopped", flush=True)
