"""A small detector, a small data set, and MLflow in both its forms: the workspace's own files, and a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.addresses import Services, configure
from services.mlflow.tracking import Tracking
from tests.helpers.environment import kept_environment
from tests.helpers.project import project_workspace
from tocoad.files.workspace import Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import override

SIZE = 32


@pytest.fixture
def restored_environment() -> Iterator[None]:
    with kept_environment():
        yield


@pytest.fixture(scope="session")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("a workspace"))


@pytest.fixture(params=["local", "server"])
def services(request: pytest.FixtureRequest, shared_workspace: Workspace, restored_environment: None) -> Services:
    """Services of one workspace and one server for all tests: names in them must be a test's own."""
    if request.param == "server":
        os.environ["MLFLOW_TRACKING_URI"] = request.getfixturevalue("mlflow_server")
    else:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return configure(shared_workspace)


@pytest.fixture
def tracking(services: Services) -> Tracking:
    return Tracking(services)


@pytest.fixture
def make_detector(tmp_path: Path) -> Callable[[int], Path]:
    """Writes a whole detector package of 32-pixel images; the seed makes it another."""
    from tests.helpers.packages import save_detector

    return lambda seed: save_detector(tmp_path / f"package-{seed}", seed, SIZE)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rendered images, outside every workspace; whoever alters it takes a copy."""
    folder = tmp_path_factory.mktemp("source") / "tiny"
    render_sample(folder, size=64, counts=SampleCounts(train=6, test_good=2, test_defective=2))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With nothing in it but settings by which the images of `source` are enough."""
    root = tmp_path / "workspace"
    root.mkdir()
    made = project_workspace(root)
    override(made, {"split.train_min": "3", "split.calibration_min": "2"})
    return made
