"""What git and DVC have of a workspace."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from services.doctor import documents
from services.doctor.case import Case
from tests.helpers.guide import typist
from tests.helpers.project import PROJECT, project_workspace
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.sections import FlowSettings, Settings

WILL_COMMIT = Settings(flow=FlowSettings(commit="git"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    shutil.copy(PROJECT / "dvc.yaml", tmp_path)
    return project_workspace(tmp_path)


def git(workspace: Workspace, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=workspace.root, env=typist(), check=True, capture_output=True)


def test_documents_that_no_commit_has_are_named(workspace: Workspace) -> None:
    git(workspace, "init", "--initial-branch", "line")
    (found,) = documents.check_git(Case(workspace))
    assert found.text == "branch line, not committed: dvc.yaml, params.yaml, plan.yaml"
    git(workspace, "add", ".")
    git(workspace, "commit", "--message", "begin")
    (found,) = documents.check_git(Case(workspace))
    assert (found.state, found.text) == ("ok", "branch line, every document is committed")
    workspace.params_file.write_text(workspace.params_file.read_text() + "\n")
    (found,) = documents.check_git(Case(workspace))
    assert found.text == "branch line, not committed: params.yaml"
    git(workspace, "switch", "--detach")
    states = [(one.state, one.do) for one in documents.check_git(Case(workspace, WILL_COMMIT))]
    assert ("bad", "git switch BRANCH") in states


def test_no_repository_is_bad_only_where_a_night_is_to_be_committed(workspace: Workspace) -> None:
    assert [one.state for one in documents.check_git(Case(workspace))] == ["warn"]
    assert [one.state for one in documents.check_git(Case(workspace, WILL_COMMIT))] == ["bad"]


def test_marks_of_a_merge_in_the_lock_are_bad_and_the_way_out_is_told(workspace: Workspace) -> None:
    (workspace.root / "dvc.lock").write_text("schema: '2.0'\nstages:\n<<<<<<< HEAD\n  a: {}\n=======\n")
    (found,) = documents.check_dvc(Case(workspace))
    assert found.state == "bad"
    assert found.text.startswith("dvc.lock is no YAML: ")
    assert "git checkout -- dvc.lock" in found.do


def test_stages_of_another_version_are_told(workspace: Workspace) -> None:
    case = Case(workspace, load_params(workspace).settings)
    assert [one.state for one in documents.check_dvc(case)] == ["ok"]
    file = workspace.root / "dvc.yaml"
    file.write_text(file.read_text().replace("python -m tocoad stage1", "python -m tocoad stage0"))
    assert [one.text for one in documents.check_dvc(case) if one.do] == [
        "dvc.yaml is not what this version's stages declare"
    ]


def test_a_data_set_whose_images_are_not_here_is_told_with_what_brings_them(workspace: Workspace) -> None:
    data = workspace.root / "data"
    (data / "here").mkdir(parents=True)
    for name in ("here", "gone"):
        (data / f"{name}.dvc").write_text(f"outs:\n- md5: {'0' * 32}.dir\n  hash: md5\n  path: {name}\n")
    found = {one.text: one.do for one in documents.check_datasets(Case(workspace))}
    assert found == {
        "data set gone has a version, and its images are not here": "tocoad restore gone brings them back",
        "1 of 2 are here": "",
    }
