"""Real services on loopback, one of each for the whole session."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as drawing
from skip_report import (
    pytest_terminal_summary,  # noqa: F401 - a hook
    reason,
)

from tests.helpers.processes import free_port, stop_group
from tests.helpers.ray_cluster import Cluster, Machine, ray_cluster
from tests.helpers.s3_servers import S3Server, moto_s3, rclone_s3

START_SECONDS = 180

# A busy machine is slow, which is no fault of what is tested.
drawing.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
drawing.load_profile("untimed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "apart" not in config.option.markexpr:
        minutes = pytest.mark.skip(reason=reason("takes minutes", "pytest -m apart"))
        for item in items:
            if "apart" in item.keywords:
                item.add_marker(minutes)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip(reason("torch sees no GPU", "pytest -m cuda, on a machine with one"))


def serve(command: list[str], health: str, log: Path, env: dict[str, str], cwd: Path) -> Iterator[None]:
    """Starts a server and waits until it answers at the URL `health`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                with urllib.request.urlopen(health, timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield
    finally:
        stop_group(process)


def serve_prefect(environment: Mapping[str, str]) -> Iterator[str]:
    """API URL of a `prefect server` until the generator is closed."""
    port, home = free_port(), Path(environment["PREFECT_HOME"])
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    for _ in serve(command, f"http://127.0.0.1:{port}/api/health", home / "server.log", environment, home):
        yield f"http://127.0.0.1:{port}/api"


@pytest.fixture(scope="session")
def prefect_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine whose Prefect lives in a folder of the test."""
    private = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "DO_NOT_TRACK": "1",
    }
    return {**os.environ, **private, "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect"))}


@pytest.fixture(scope="session")
def prefect_server(prefect_environment: dict[str, str]) -> Iterator[str]:
    """API URL of a `prefect server`."""
    yield from serve_prefect(prefect_environment)


@pytest.fixture
def forgetful_prefect_server(prefect_environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """API URL of one that keeps leases as Prefect does when it is told nothing."""
    environment = {**prefect_environment, "PREFECT_HOME": str(tmp_path)}
    del environment["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]
    yield from serve_prefect(environment)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a tracking server with its database and its artifacts in a folder of the test."""
    port, home = free_port(), tmp_path_factory.mktemp("mlflow")
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts")]
    private = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    # No jobs are run: without their processes the server is up in half the time.
    environment = {**os.environ, **private, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    for _ in serve([*command, *stores], f"http://127.0.0.1:{port}/health", home / "server.log", environment, home):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """S3 that checks keys and keeps objects as files; a test takes a prefix of its own below its URL."""
    with rclone_s3(tmp_path_factory.mktemp("rclone") / "buckets") as server:
        yield server


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """S3 that is nearer to AWS, in memory; a test takes a prefix of its own below its URL."""
    with moto_s3(tmp_path_factory.mktemp("moto") / "server.log") as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Ray of a head and two nodes, `a` and `b`, of one CPU each; `b` has what counts as a GPU, and an oven. Who harms
    one adds it first.
    """
    if sys.platform != "linux":
        pytest.skip(reason("several addresses on loopback are Linux's", "on Linux"))
    stand_ins = {"PYTHONPATH": str(Path(__file__).parent / "integration" / "services" / "ray")}
    with ray_cluster(Machine("a"), Machine("b", gpus=1, resources={"oven": 1}), env=stand_ins) as started:
        yield started
