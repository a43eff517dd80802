"""`tocoad init`: what a workspace is made of, and where none is made."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from services.new_workspace import make_workspace
from tests.helpers.project import PROJECT
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.plan import Plan
from tocoad.stages.dvc_file import is_current


def contents(folder: Path) -> set[str]:
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {str(file) for file in files if file.parts[0] != ".git"}


ALL = {"params.yaml", "plan.yaml", "dvc.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"}


def test_a_new_folder_has_the_settings_an_empty_plan_the_stages_and_a_repository(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a" / "W")
    assert make_workspace(workspace.root) == "made"
    assert contents(workspace.root) == ALL
    params = load_params(workspace)
    assert (params.profile, params.plan) == ("demo", Plan())
    assert is_current(workspace, params.settings)
    new = ["git", "ls-files", "--others", "--exclude-standard"]
    assert set(subprocess.check_output(new, cwd=workspace.root, text=True).split()) == ALL
    assert [*(tmp_path / "a").iterdir()] == [workspace.root]


def test_whoever_stands_in_an_empty_folder_stands_in_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_workspace(Path())
    assert Path("dvc.yaml").is_file()


def test_an_empty_folder_may_be_a_disk_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def to_another_disk(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    (tmp_path / "volume").mkdir()
    monkeypatch.setattr(os, "rename", to_another_disk)
    assert make_workspace(tmp_path / "volume") == "made"
    assert contents(tmp_path / "volume") == ALL
    assert [*tmp_path.iterdir()] == [tmp_path / "volume"]


@pytest.mark.parametrize("folder", ["clone", "clone/line-3"])
def test_a_repository_that_is_there_is_taken(folder: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "clone")], check=True)
    assert make_workspace(tmp_path / folder) == "found"
    assert [*tmp_path.rglob(".git")] == [tmp_path / "clone/.git"]
    assert contents(tmp_path / folder) == ALL


def test_without_git_it_is_a_workspace_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert make_workspace(tmp_path / "W") == "absent"
    assert contents(tmp_path / "W") == ALL


def test_a_folder_with_something_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "W").mkdir()
    (tmp_path / "W" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("W", "file"):
        with pytest.raises(SettingsError, match=rf"{name} is there already and not empty: choose another folder"):
            make_workspace(tmp_path / name)
    assert contents(tmp_path) == {"W/notes.txt", "file"}


def test_no_workspace_is_made_within_another(tmp_path: Path) -> None:
    make_workspace(tmp_path / "W")
    with pytest.raises(SettingsError, match=r"lies in the workspace .*/W: choose a folder outside of it"):
        make_workspace(tmp_path / "W" / "work" / "inner")
    assert contents(tmp_path / "W") == ALL
    with pytest.raises(SettingsError, match="lies in the workspace"):
        make_workspace(PROJECT / "build" / "inner")
