"""A Ray cluster of real processes: a head for the driver, and nodes that each have a home, an address and keys.

All on loopback, where every node has another address of 127.0.0.0/8: to Ray they are several machines. On Linux alone.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path

import psutil

from services.ray.token import guard_token
from tests.helpers.environment import kept_environment
from tests.helpers.place import Place
from tests.helpers.sweeper import Sweeper, in_sessions, kill_sessions, swept

HEAD = "head"
# A node that hangs or is cut off is given up after about 6 s, and not after 65.
HEALTH = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
_START_SECONDS = 120.0
_REAPED_SECONDS = 10.0
_OBJECT_STORE_BYTES = 100 * 1024 * 1024
_STARTED = "Ray runtime started."
# A test's own addresses and keys: a node has those that it is given.
_OURS = ("AWS_", "DVC_", "MLFLOW_", "PREFECT_", "RAY_", "TOCOAD_", "XDG_", "PYTHONPATH", "HOME", "TMPDIR")


@dataclass(frozen=True)
class Machine:
    """What a node is to have. `gpus` are counted, not there; `env` is its alone."""

    name: str
    cpus: int = 1
    gpus: int = 0
    resources: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


class Node:
    """A node of a cluster, and all that Ray starts there."""

    def __init__(self, machine: Machine, place: Place, folder: Path, env: Mapping[str, str], sweeper: Sweeper) -> None:
        self.name = machine.name
        self.place = place
        self.home = folder / "home"
        self.log = folder / "start.log"
        self._machine = machine
        self._sweeper = sweeper
        self._folder = folder
        self._env = {**env, **machine.env, "HOME": str(self.home), "TMPDIR": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *where: str) -> None:
        """`ray start` with `where` it belongs; returns at once."""
        self.home.mkdir(parents=True, exist_ok=True)
        machine = self._machine
        command = [*self.place.through, str(Path(sys.executable).with_name("ray")), "start", "--block", *where]
        command += ["--node-ip-address", self.place.ip, "--node-name", self.name, "--temp-dir", str(self._folder)]
        command += ["--num-cpus", str(machine.cpus), "--num-gpus", str(machine.gpus)]
        command += ["--resources", json.dumps(dict(machine.resources))]
        # Ports that are the same on every node by default are left to chance.
        command += ["--min-worker-port", "0", "--max-worker-port", "0", "--dashboard-agent-listen-port", "0"]
        command += ["--object-store-memory", str(_OBJECT_STORE_BYTES), "--include-log-monitor", "false"]
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env=self._env,
                cwd=self.home,
                start_new_session=True,
            )
        self._sweeper.watch(self._process.pid)

    def wait(self) -> None:
        """Until it takes work."""
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while _STARTED not in (said := self.log.read_text()):
            assert self._process.poll() is None, f"{self.name} has ended: {said}"
            assert time.monotonic() < deadline, f"{self.name} is not up after {_START_SECONDS:g} s: {said}"
            time.sleep(0.05)

    def processes(self) -> list[psutil.Process]:
        """Those of it that live. Ray's own names for them cover their environment, but they stay in one session."""
        found = []
        for process in in_sessions({self._process.pid}) if self._process is not None else []:
            with suppress(psutil.Error):
                found.append(psutil.Process(process))
        return found

    def named(self, name: str) -> list[psutil.Process]:
        """Those whose command line has `name`: "raylet/raylet", "gcs_server", "ray::work"."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if name in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill(self) -> None:
        """As a machine does that loses its power: all at once."""
        if self._process is None:
            return
        killed = 0
        while others := [process for process in self.processes() if process.pid != self._process.pid]:
            killed += _signal(others, signal.SIGKILL)
            time.sleep(0.02)
        if killed:
            # What started the raylet reaps it, which as a zombie would look alive, and ends.
            with suppress(subprocess.TimeoutExpired):
                self._process.send_signal(signal.SIGCONT)
                self._process.wait(_REAPED_SECONDS)
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Without a thought of who watches."""
        if self._process is not None:
            kill_sessions({self._process.pid})
            self._process.wait()

    def hang(self) -> None:
        """Stands still until `resume`, its connections open: what a frozen machine looks like."""
        while running := [process for process in self.processes() if not _stands(process)]:
            _signal(running, signal.SIGSTOP)
            time.sleep(0.02)

    def resume(self) -> None:
        _signal(self.processes(), signal.SIGCONT)


class Cluster:
    """A head that runs no stage, and nodes. `env` is what a driver needs; `address` what `ray.address` is to be."""

    def __init__(
        self, folder: Path, env: Mapping[str, str], place_of: Callable[[str], Place], sweeper: Sweeper
    ) -> None:
        self.folder = folder
        self._place_of = place_of
        self._sweeper = sweeper
        self.env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token(), "RAY_USAGE_STATS_ENABLED": "0", **HEALTH}
        self._shared = dict(env)
        self.nodes: dict[str, Node] = {}
        self.head = self._node(Machine(HEAD, cpus=0))
        self.address = f"{self.head.place.ip}:{_free_port(self.head.place, 6379)}"

    def start_head(self) -> None:
        """Returns when nodes can join, though the head itself may not yet take a driver."""
        port = self.address.rpartition(":")[2]
        # Ray Client's is a fixed one by default, and cannot be left out.
        options = ("--ray-client-server-port", str(_free_port(self.head.place, 10001)))
        self.head.start("--head", "--port", port, "--include-dashboard", "false", "--no-monitor", *options)

    def add(self, *machines: Machine) -> list[Node]:
        """Starts nodes side by side; they are up when it returns."""
        added = [self._node(machine) for machine in machines]
        for node in added:
            self.nodes[node.name] = node
            node.start("--address", self.address)
        for node in (self.head, *added):
            node.wait()
        return added

    def kill_head(self) -> None:
        self.head.kill()

    def processes(self) -> list[psutil.Process]:
        return [process for node in self._all() for process in node.processes()]

    def end(self) -> None:
        for node in self._all():
            node.end()

    @contextmanager
    def driving(self) -> Iterator[None]:
        """In the block this process may be a driver of it; one in a process of its own needs `env` alone."""
        with kept_environment():
            os.environ.update(self.env)
            # Ray has read its environment when it was imported, maybe by another test. Its stubs have no Config.
            import_module("ray._raylet").Config.initialize("")
            yield

    def _node(self, machine: Machine) -> Node:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        env = {**kept, **self._shared, **self.env}
        return Node(machine, self._place_of(machine.name), self.folder / machine.name, env, self._sweeper)

    def _all(self) -> list[Node]:
        return [self.head, *self.nodes.values()]


@contextmanager
def ray_cluster(
    *machines: Machine, env: Mapping[str, str] | None = None, place_of: Callable[[str], Place] | None = None
) -> Iterator[Cluster]:
    """A head and the machines, all up; `env` is that of all nodes. After the block nothing of it is left.

    `place_of` a name says where that node is to be: by default on loopback.
    """
    # Short, for the names of Ray's sockets.
    folder = Path(tempfile.mkdtemp(prefix="rc-", dir="/tmp"))
    with swept(folder) as sweeper:
        cluster = Cluster(folder, env or {}, place_of or _loopback(), sweeper)
        try:
            cluster.start_head()
            cluster.add(*machines)
            yield cluster
        finally:
            cluster.end()


def _loopback() -> Callable[[str], Place]:
    numbers = count(2)
    return lambda name: Place(f"127.0.0.{next(numbers)}")


def _free_port(place: Place, alone: int) -> int:
    """For those that others must know: `alone`, where nobody else is."""
    if place.through:
        return alone
    with socket.create_server((place.ip, 0)) as server:
        return int(server.getsockname()[1])


def _token() -> str:
    """This process's own, where it has one: Ray reads it once, and it may have had another Ray before."""
    if (given := os.environ.get("RAY_AUTH_TOKEN")) is not None:
        return given
    guard_token()
    file = Path.home() / ".ray" / "auth_token"
    return file.read_text().strip() if file.is_file() else secrets.token_hex(32)


def _stands(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return True


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> int:
    """How many it reached."""
    reached = 0
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)
            reached += 1
    return reached
