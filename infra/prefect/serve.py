"""`make serve`: a Prefect server, the deployments, their automations and a worker, on loopback, until Ctrl-C.

State lies in the workspace's `.services/`, so the runs of `tocoad retrain` are on the server's pages as well. What was
killed here before is closed first; what is killed meanwhile, by the automation that misses its heartbeats.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from services.addresses import configure
from services.prefect.home import starting
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
POOL = "tocoad"
DEPLOYMENTS, AUTOMATIONS = "infra/prefect/prefect.yaml", "infra/prefect/automations.yaml"
ADDRESS = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 20
# A server or worker that ends is started again, but not for ever: three ends in ten minutes have a cause.
ENDS = 3
ENDS_SECONDS = 600
PREFECT = (sys.executable, str(Path(__file__).with_name("with_parent.py")), "--no-prompt")


class ServeError(Exception):
    """One line that says why nothing is served."""


class StopAskedError(Exception):
    """By Ctrl-C, the system, or the terminal that was closed."""


@dataclass
class Child:
    """The server or the worker, in a session of its own: Ctrl-C reaches us alone, and the worker is stopped before the
    server it reports to. Killed, we take them along (`with_parent`), and while one is left it holds our lock.
    """

    name: str
    command: tuple[str, ...]
    lock: int
    process: subprocess.Popen[bytes] | None = None
    ends: list[float] = field(default_factory=list)

    def start(self) -> None:
        command = [*PREFECT, *self.command]
        self.process = subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdin=subprocess.PIPE, pass_fds=[self.lock]
        )

    def has_ended(self) -> bool:
        """Whether it is to be started again.

        Raises:
            ServeError: it ends all the time.
        """
        if self.process is None or (code := self.process.poll()) is None:
            return False
        now = time.monotonic()
        self.ends = [end for end in self.ends if now - end < ENDS_SECONDS] + [now]
        if len(self.ends) >= ENDS:
            raise ServeError(f"the {self.name} ended {ENDS} times, at last with code {code}; its messages are above")
        print(f"the {self.name} ended with code {code}: it is started again", file=sys.stderr, flush=True)
        return True

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


class Signals:
    """Asked to stop, we do so between two steps; asked again, at once."""

    def __init__(self, children: list[Child]) -> None:
        self._children = children
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` has the terminal's end ignored.
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
                signal.signal(number, self._ask)

    def pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._asked and time.monotonic() < deadline:
            time.sleep(0.1)
        if self._asked:
            raise StopAskedError

    def _ask(self, _number: int, _frame: object) -> None:
        if self._asked:
            for child in self._children:
                if child.process is not None and child.process.poll() is None:
                    os.killpg(child.process.pid, signal.SIGKILL)
        self._asked = True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4200, help="port of the server (default: %(default)s)")
    port = parser.parse_args().port
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    try:
        lock = _lock(configure(Workspace(ROOT)).workspace.services_dir)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if lock is None:
        print("error: this workspace is served already; stop that `make serve` first", file=sys.stderr)
        return 2
    if not _is_free(port):
        print(f"error: port {port} is in use; choose another with --port", file=sys.stderr)
        return 2
    os.environ |= {"PREFECT_API_URL": f"http://{ADDRESS}:{port}/api", "PWD": str(ROOT)}
    server = Child("server", ("server", "start", "--host", ADDRESS, "--port", str(port)), lock)
    worker = Child("worker", ("worker", "start", "--pool", POOL, "--type", "process"), lock)
    signals = Signals([server, worker])
    try:
        _serve(server, worker, signals, port)
    except (ServeError, httpx.HTTPError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except StopAskedError:
        return 0
    finally:
        worker.stop()
        server.stop()


def _serve(server: Child, worker: Child, signals: Signals, port: int) -> None:
    """Returns never: it is stopped, or fails."""
    _start_server(server, signals)
    _close_left(signals)
    _create_pool(signals)
    _install_automations(signals)
    _run(signals, *PREFECT, "deploy", "--prefect-file", DEPLOYMENTS, "--all")
    worker.start()
    print(f"Prefect: http://{ADDRESS}:{port} - Ctrl-C stops it", flush=True)
    while True:
        signals.pause(1)
        if server.has_ended():
            _start_server(server, signals)
        if worker.has_ended():
            _close_left(signals)
            worker.start()


def _lock(services_dir: Path) -> int | None:
    """Held by us, the server and the worker: whoever gets it knows that all three of an earlier start are gone."""
    lock = os.open(services_dir / "serve.lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lock


def _is_free(port: int) -> bool:
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError:
        return False
    return True


def _api(path: str) -> str:
    return os.environ["PREFECT_API_URL"] + path


def _close_left(signals: Signals) -> None:
    _run(signals, sys.executable, "-m", "services.closing", str(ROOT), POOL)


def _create_pool(signals: Signals) -> None:
    answer = _ask(signals, "POST", "/work_pools/", {"name": POOL, "type": "process"})
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


def _install_automations(signals: Signals) -> None:
    """As the file has them, in the place of those of the same names; what a person has switched off stays so."""
    for automation in YAML(typ="safe").load(ROOT / AUTOMATIONS)["automations"]:
        wanted = {"automations": {"name": {"any_": [automation["name"]]}}}
        found = _ask(signals, "POST", "/automations/filter", wanted).raise_for_status().json()
        if found:
            kept = {**automation, "enabled": found[0]["enabled"]}
            _ask(signals, "PUT", f"/automations/{found[0]['id']}", kept).raise_for_status()
        else:
            _ask(signals, "POST", "/automations/", automation).raise_for_status()


def _ask(signals: Signals, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
    # 503 is the server's word for a database that is busy.
    while (answer := httpx.request(method, _api(path), json=body, timeout=60, trust_env=False)).status_code == 503:
        signals.pause(0.5)
    return answer


def _run(signals: Signals, *command: str) -> None:
    # Prefect's commands tell their errors on standard output too, between much that nobody needs where all is well.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=said)
        try:
            while process.poll() is None:
                signals.pause(0.1)
        finally:
            process.kill()
        said.seek(0)
        output = said.read().decode(errors="replace")
    if process.returncode != 0:
        print(output, end="", file=sys.stderr, flush=True)
        raise ServeError(f"`{' '.join(command[2:])}` failed; its messages are above")


def _start_server(server: Child, signals: Signals) -> None:
    # A retrain of this moment starts a server too, on the same database.
    with starting(Path(os.environ["PREFECT_HOME"])):
        server.start()
        _wait_for_server(server, signals)


def _wait_for_server(server: Child, signals: Signals) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process is not None and server.process.poll() is None:
        try:
            httpx.get(_api("/health"), timeout=5, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            signals.pause(0.3)
    raise ServeError("the Prefect server did not start; its messages are above")


if __name__ == "__main__":
    sys.exit(main())
