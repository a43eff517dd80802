"""A small data set, and the way by hash of the jobs on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.by_hash import Way
from tests.helpers.project import project_workspace
from tocoad.files.workspace import Workspace
from tocoad.sample import SampleCounts, render_sample


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set; a workspace takes a copy."""
    folder = tmp_path_factory.mktemp("rendered") / "tiny"
    render_sample(folder, size=64, counts=SampleCounts(train=12, test_good=3, test_defective=3))
    return folder


@pytest.fixture
def workspace(rendered: Path, tmp_path: Path) -> Workspace:
    (tmp_path / "workspace").mkdir()
    made = project_workspace(tmp_path / "workspace")
    shutil.copytree(rendered, made.dataset_dir("tiny"))
    return made


@pytest.fixture
def way(workspace: Workspace, tmp_path: Path) -> Iterator[Way]:
    made = Way(workspace, tmp_path)
    yield made
    made.carrier.close()
