"""A machine on which two nights were, and a clone of it that has nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.nights import add_images, clone, commit_night, new_workspace, retrain
from tests.helpers.restoring import FIRST, SECOND
from tocoad.files.workspace import Workspace


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a machine, and of its store; a test takes a copy."""
    workspace = new_workspace(tmp_path_factory.mktemp("nights") / "there")
    add_images(workspace, "tiny", FIRST)
    retrain(workspace, "tiny")
    commit_night(workspace, "the first night")
    add_images(workspace, "tiny", SECOND)
    retrain(workspace, "tiny")
    commit_night(workspace, "the second night")
    return workspace.root.parent


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def there(two_nights: Path, tmp_path: Path) -> Workspace:
    """The machine on which two nights were; the second is the branch's last."""
    shutil.copytree(two_nights, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Workspace(tmp_path / "there")


@pytest.fixture
def here(there: Workspace, tmp_path: Path) -> Workspace:
    return clone(there, tmp_path / "here")
