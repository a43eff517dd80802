"""A factory for each test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.addresses import configure
from services.mlflow.tracking import Tracking
from tests.helpers.environment import kept_environment
from tests.helpers.line_of_versions import Factory
from tocoad.files.workspace import Workspace


@pytest.fixture(scope="session")
def begun_services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a database in which nothing is registered."""
    workspace = Workspace(tmp_path_factory.mktemp("begun"))
    with kept_environment():
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        Tracking(configure(workspace)).registry()
    return workspace.services_dir


@pytest.fixture
def factory(
    tmp_path: Path, begun_services: Path, restored_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Factory:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Factory(tmp_path / "workspace", str(tmp_path / "store"), begun_services)
