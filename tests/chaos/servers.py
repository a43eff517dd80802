"""Real servers of MLflow and Prefect, with their databases in folders of the rounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.helpers.place import LOOPBACK, Place
from tests.helpers.processes import MARK, free_port, kill_marked, stop_group, wait_until

START_SECONDS = 180
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # As docs/guide/schedules.md asks for: one that is killed would forget whose turn it is, which then never ends.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


class Server:
    """On loopback, as it is seen from its place. Stopped and started again it has the same address."""

    def __init__(
        self, module: Sequence[str], health: str, env: Mapping[str, str], log: Path, place: Place = LOOPBACK
    ) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._command, self._health, self._env, self._log, self._place = module, health, env, log, place
        self._mark = f"{log}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        port = self.url.rpartition(":")[2]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._place.through, sys.executable, "-m", *self._command, "--host", "127.0.0.1", "--port", port],
                env={**os.environ, **_SETTINGS, **self._env, MARK: self._mark},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._command[0], lambda: self._place.inside(self._answers), START_SECONDS)

    @property
    def runs(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        if self._process is not None:
            stop_group(self._process)
        self._process = None

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            kill_marked(self._mark)
        self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}{self._health}", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def mlflow_server(services: Path, log: Path, place: Place = LOOPBACK) -> Server:
    """In front of a workspace's own database."""
    stores = ["--backend-store-uri", f"sqlite:///{services / 'mlflow.db'}"]
    stores += ["--artifacts-destination", str(services / "mlartifacts")]
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Server(("mlflow", "server", "--workers", "1", *stores), "/health", env, log, place)


def prefect_server(home: Path, log: Path, place: Place = LOOPBACK) -> Server:
    env = {"PREFECT_HOME": str(home), "PREFECT_LOGGING_SERVER_LEVEL": "WARNING"}
    return Server(("prefect", "server", "start", "--no-ui"), "/api/health", env, log, place)
