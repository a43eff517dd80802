"""What the pictures are taken of: a copy of this checkout with the sample, a champion and a version that waits for a
person, served by Prefect and MLflow on loopback for as long as it takes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

CATEGORY = "gear"
_START_SECONDS = 240
_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Exhibition:
    workspace: Path
    prefect: str
    mlflow: str

    def waiting_run(self) -> str:
        """The page of the run that asks a person; it begins when the retrain is over."""
        wanted = {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
        runs = _answered(f"{self.prefect}/api/flow_runs/filter", wanted)
        return f"{self.prefect}/runs/flow-run/{runs[0]['id']}"


@contextmanager
def exhibition(root: Path, folder: Path) -> Iterator[Exhibition]:
    """Minutes: two trainings. What it starts it stops."""
    workspace = folder / "workspace"
    _copy(root, workspace)
    prefect, mlflow = (f"http://{_ADDRESS}:{_free_port()}" for _ in range(2))
    environment = {**os.environ, "PYTHONPATH": str(workspace), "PYTHONSAFEPATH": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])

    def run(*command: str, **more: str) -> None:
        print(f"pictures: {' '.join(command)}", file=sys.stderr, flush=True)
        subprocess.run(command, cwd=workspace, env={**environment, **more}, check=True, stdout=sys.stderr)

    with ExitStack() as stack:

        def serve(*command: str, answers: str) -> None:
            log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
            process = subprocess.Popen(command, cwd=workspace, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            _answered(answers, None)

        python = sys.executable
        serve(python, "infra/prefect/serve.py", "--port", prefect.rpartition(":")[2], answers=f"{prefect}/api/health")
        run("tocoad", "sample")
        retrain = ("tocoad", "retrain", "sample", "--categories", CATEGORY)
        run(*retrain, "--method", "patchcore", "--set", "bank.coreset_ratio=0.002")
        # ToCoAD costs more than PatchCore with hardly a memory, on a busy machine more than it should.
        limits = ("gate.size_ratio_max=100", "gate.latency_ratio_max=100", "bank.coreset_ratio=0.01")
        asks = ("--method", "tocoad", "--set", "gate.approval=required", *limits)
        run(*retrain, *asks, PREFECT_API_URL=f"{prefect}/api")
        run("tocoad", "report", "sample")
        run("tocoad", "sample", "--name", "line", "--seed", "1")
        line = f"data/line/{CATEGORY}/test"
        run("tocoad", "feedback", "sample", "--review", "--images", line, "--category", CATEGORY)
        store = f"sqlite:///{workspace}/.services/mlflow.db"
        serve(
            "mlflow", "server", "--backend-store-uri", store, "--port", mlflow.rpartition(":")[2],
            answers=f"{mlflow}/health",
        )  # fmt: skip
        yield Exhibition(workspace, prefect, mlflow)


def _copy(root: Path, workspace: Path) -> None:
    """What git has of the checkout, as it lies there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        target = workspace / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    subprocess.run(["git", "init", "--quiet"], cwd=workspace, check=True)


def _free_port() -> int:
    with socket.create_server((_ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _answered(address: str, body: object) -> Any:
    """What an address answers once it has something to say; with a body it is asked by POST."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = httpx.request("GET" if body is None else "POST", address, json=body, trust_env=False)
            if answer.is_success and (said := answer.text.strip()) and said != "[]":
                return answer.json() if body is not None else said
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"pictures: {address} does not answer")
