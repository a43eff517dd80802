"""`up`: starts what does not run, in the order of what needs what, and says of each when it answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from infra.local.catalogue import SERVERS, Server
from infra.local.environment import write_exports
from infra.local.errors import ClusterError, UsageError
from infra.local.processes import STOP_SECONDS, living, stop
from infra.local.state import State, alone, choose_ports, create

_POLL_SECONDS = 0.2
_BY_NAME = {server.name: server for server in SERVERS}


def bring_up(folder: Path, names: Sequence[str], cpus: int, seconds: float) -> None:
    """Raises ClusterError, in the end, if one of them does not answer: the others run on, for `down` to stop."""
    wanted = _with_needs(names or list(_BY_NAME))
    _check_installed()
    with alone(folder):
        state = create(folder)
        if living(state.processes.get("ray-worker-1")) is None:
            state.cpus = cpus
        _stop_orphans(state)
        idle = [server for server in wanted if living(state.processes.get(server.name)) is None]
        choose_ports(state, [port for server in idle for port in server.ports])
        _start_and_wait(state, wanted, seconds)
        print(_next_step(state, wanted), flush=True)


def _stop_orphans(state: State) -> None:
    """A node of Ray whose head has ended joins no other head."""
    for server in SERVERS:
        process = living(state.processes.get(server.name))
        lost = [name for name in server.needs if living(state.processes.get(name)) is None]
        if server.bound and lost and process is not None:
            stop(process, server.ends_on, STOP_SECONDS)
            print(f"{server.name:15} stopped: {lost[0]} has ended", flush=True)


def _with_needs(names: Sequence[str]) -> list[Server]:
    """In the catalogue's order, in which whatever is needed comes first."""
    if unknown := [name for name in names if name not in _BY_NAME]:
        raise UsageError(f"{unknown[0]}: there is no such server; there are {', '.join(_BY_NAME)}")
    needed = set(names)
    for server in reversed(SERVERS):
        if server.name in needed:
            needed.update(server.needs)
    return [server for server in SERVERS if server.name in needed]


def _check_installed() -> None:
    if find_spec("psycopg2") is None:
        raise UsageError("psycopg2 is missing, the way of MLflow to PostgreSQL: make setup")


def _start_and_wait(state: State, wanted: list[Server], seconds: float) -> None:
    ready: set[str] = set()
    begun: dict[str, float] = {}
    waiting = list(wanted)
    while waiting:
        for server in list(waiting):
            if server.name not in begun and ready.issuperset(server.needs):
                begun[server.name] = time.monotonic()
                _start(state, server)
            if server.name not in begun:
                continue
            took = time.monotonic() - begun[server.name]
            if _is_ready(state, server):
                ready.add(server.name)
                waiting.remove(server)
                print(f"{server.name:15} answers   {server.address(state):24} {took:5.1f} s", flush=True)
            elif took > seconds:
                raise ClusterError(f"{server.name} does not answer after {seconds:.0f} s; {_log(state, server)}")
        time.sleep(_POLL_SECONDS)


def _start(state: State, server: Server) -> None:
    if living(state.processes.get(server.name)) is None:
        server.start(state)
    else:
        print(f"{server.name:15} runs already", flush=True)


def _is_ready(state: State, server: Server) -> bool:
    if living(state.processes.get(server.name)) is None:
        raise ClusterError(f"{server.name} ended while it started; {_log(state, server)}")
    with suppress(Exception):  # whatever a client makes of a server that is not there yet
        return server.ready(state)
    return False


def _log(state: State, server: Server) -> str:
    file = state.log(server.name)
    lines = file.read_text(errors="replace").strip().splitlines()
    ending = f"ends with: {lines[-1].strip()}" if lines else "is empty"
    return f"its log, {file}, {ending}"


def _next_step(state: State, wanted: list[Server]) -> str:
    if len(wanted) < len(SERVERS):
        return f"up: {', '.join(server.name for server in wanted)}"
    return (
        f"all of it is up; next: source {write_exports(state)}; "
        "tocoad retrain NAME --set ray.address=$CLUSTER ray.store=$STORE"
    )
