"""A DVC repository with stages that a shell can do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.dvc import data, record
from tests.helpers.shell_stages import A, B, make, produce
from tocoad.files.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A data set under DVC in a git checkout; the process stands elsewhere."""
    root = tmp_path / "a workspace"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    workspace = make(root)
    monkeypatch.chdir(tmp_path)
    data.track_dataset(workspace, "set")
    return workspace


@pytest.fixture
def recorded(workspace: Workspace) -> Workspace:
    """The same, with everything made and recorded."""
    produce(workspace, "a", "b")
    record.commit(workspace, [*A, *B])
    return workspace
