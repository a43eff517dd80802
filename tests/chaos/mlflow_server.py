"""A real MLflow server in front of the workspace's own database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.helpers.processes import free_port, stop_group, wait_until

START_SECONDS = 180


class MlflowServer:
    """Stopped and started again it has the same address."""

    def __init__(self, services: Path, log: Path) -> None:
        port = free_port()
        self.uri = f"http://127.0.0.1:{port}"
        self._log = log
        stores = ["--backend-store-uri", f"sqlite:///{services / 'mlflow.db'}"]
        stores += ["--artifacts-destination", str(services / "mlartifacts")]
        self._command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *stores]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        private = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command],
                env={**os.environ, **private},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until("MLflow's server", self._answers, START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            stop_group(self._process)
        self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.uri}/health", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False
