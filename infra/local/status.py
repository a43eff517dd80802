"""`status`: a line a server."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from infra.local.catalogue import SERVERS, Server
from infra.local.processes import living
from infra.local.state import State, load


def print_status(folder: Path) -> bool:
    """Whether what was started answers, all of it; false where nothing was."""
    state = load(folder) or State(folder)
    words = {server.name: _word(state, server) for server in SERVERS}
    for server in SERVERS:
        process = state.processes.get(server.name)
        runs = words[server.name] in ("answers", "does not answer")
        pid = str(process.pid) if process and runs else "-"
        print(f"{server.name:15} {words[server.name]:15} {pid:>8}  {server.address(state) if runs else ''}".rstrip())
    return set(words.values()) - {"is down"} == {"answers"}


def _word(state: State, server: Server) -> str:
    if server.name not in state.processes:
        return "is down"
    if living(state.processes[server.name]) is None:
        return "has ended"
    with suppress(Exception):
        if server.ready(state):
            return "answers"
    return "does not answer"
