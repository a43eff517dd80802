"""What git is told to leave out of a workspace, DVC leaves out too: its own files have to be none of that."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data
from tests.helpers.project import PROJECT
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


def test_dvc_s_own_commands_know_of_a_data_set_in_a_git_checkout(tmp_path: Path) -> None:
    """By `/data/*` DVC takes the folder `data` itself for ignored, and `dvc checkout`, `push`, `pull`, `gc` and every
    `dvc exp run` for want of any data set's file.
    """
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    shutil.copy(PROJECT / ".gitignore", tmp_path)
    workspace = Workspace(tmp_path)
    image = workspace.dataset_dir("set") / "part/train/good/1.png"
    image.parent.mkdir(parents=True)
    image.write_text("image")
    data.track_dataset(workspace, "set")
    shutil.rmtree(workspace.dataset_dir("set"))
    with Repo(str(tmp_path)) as repo:
        repo.checkout()
    assert image.read_text() == "image"
    seen = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all", "data"], cwd=tmp_path, capture_output=True, text=True
    )
    assert seen.stdout.split() == ["??", "data/set.dvc"]
