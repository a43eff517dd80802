"""The commit that a run is tagged with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from skip_report import reason

from services.git.commit import GitCommit, git_commit
from tocoad.files.workspace import Workspace


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Workspace:
    git(tmp_path, "init", "-q")
    (tmp_path / "data").mkdir()
    for name in ("code.py", "dvc.lock", "plan.yaml", "data/sample.dvc"):
        (tmp_path / name).write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return Workspace(tmp_path)


def test_a_clean_checkout_is_its_commit(checkout: Workspace) -> None:
    assert git_commit(checkout) == GitCommit(git(checkout.root, "rev-parse", "HEAD"), dirty=False)


def test_changed_code_makes_it_dirty(checkout: Workspace) -> None:
    (checkout.root / "code.py").write_text("2")
    commit = git_commit(checkout)
    assert commit is not None and commit.dirty and str(commit) == f"{commit.sha}-dirty"


def test_what_our_own_commands_write_does_not(checkout: Workspace) -> None:
    (checkout.root / "dvc.lock").write_text("2")
    (checkout.root / "plan.yaml").write_text("2")
    (checkout.root / "data" / "sample.dvc").write_text("2")
    (checkout.root / "untracked").write_text("2")
    commit = git_commit(checkout)
    assert commit is not None and not commit.dirty


def test_without_a_commit_there_is_none(tmp_path: Path) -> None:
    assert git_commit(Workspace(tmp_path)) is None
    git(tmp_path, "init", "-q")
    assert git_commit(Workspace(tmp_path)) is None


@pytest.mark.skipif(os.getuid() != 0, reason=reason("only root can give a repository to another user", "as root"))
def test_the_commit_of_another_users_repository_is_known_and_told_with_the_way_out(
    checkout: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = git(checkout.root, "rev-parse", "HEAD")
    for file in (checkout.root, *checkout.root.rglob("*")):
        os.chown(file, 54321, 54321)
    assert git_commit(checkout) == GitCommit(sha, dirty=True)
    told = capsys.readouterr().err
    assert told.startswith("warning: the git repository is another user's") and told.count("\n") == 1
    assert f"git config --global --add safe.directory {checkout.root}" in told


def test_a_git_that_may_not_be_executed_or_prints_what_is_no_text_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("no program")
    monkeypatch.setenv("PATH", str(git.parent))
    assert git_commit(Workspace(tmp_path)) is None
    git.write_text("#!/bin/sh\nprintf 'c0ffee\\377\\n'\n")
    git.chmod(0o755)
    assert git_commit(Workspace(tmp_path)) == GitCommit("c0ffee\ufffd", dirty=True)
