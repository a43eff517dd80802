"""What git has of the workspace's documents, where somebody may want to go back to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.git.tips import documents_at_tips
from tocoad.files.workspace import Workspace


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(params=[".", "below/it"])
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    """The whole of a repository, or a folder of it."""
    git(tmp_path, "init", "-q")
    root = tmp_path / request.param
    root.mkdir(parents=True, exist_ok=True)
    (root / "dvc.lock").write_text("committed")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return Workspace(root)


def found(workspace: Workspace) -> set[tuple[str, str]]:
    return {(path, text) for _, texts in documents_at_tips(workspace) for path, text in texts.items()}


def test_every_stash_counts_and_not_the_last_alone_with_its_index_and_new_files(workspace: Workspace) -> None:
    lock = workspace.root / "dvc.lock"
    for text in ("first", "second", "third"):
        lock.write_text(f"{text}, staged")
        git(workspace.root, "add", "dvc.lock")
        lock.write_text(text)
        (workspace.root / f"{text}.dvc").write_text("new")
        git(workspace.root, "stash", "-q", "--include-untracked")
    stashed = {("dvc.lock", text) for name in ("first", "second", "third") for text in (name, f"{name}, staged")}
    new = {(f"{name}.dvc", "new") for name in ("first", "second", "third")}
    assert found(workspace) == {("dvc.lock", "committed")} | stashed | new


def test_what_is_staged_counts_though_the_file_is_another_by_now(workspace: Workspace) -> None:
    (workspace.root / "dvc.lock").write_text("staged")
    (workspace.root / "new.dvc").write_text("new")
    (workspace.root / "only named.dvc").write_text("not staged")
    git(workspace.root, "add", "dvc.lock", "new.dvc")
    git(workspace.root, "add", "--intent-to-add", "only named.dvc")
    (workspace.root / "dvc.lock").write_text("changed again")
    (workspace.root / "new.dvc").unlink()
    assert found(workspace) == {("dvc.lock", "committed"), ("dvc.lock", "staged"), ("new.dvc", "new")}


def test_a_repository_without_a_commit_has_what_is_staged(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "dvc.lock").write_text("staged")
    git(tmp_path, "add", ".")
    assert found(Workspace(tmp_path)) == {("dvc.lock", "staged")}
