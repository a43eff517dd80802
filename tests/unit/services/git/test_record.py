"""What a retrain commits to the user's repository, and what it leaves alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.git.record import GitRecordError, commit_night
from tocoad.files.workspace import Workspace


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=check, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


def committed(folder: Path) -> list[str]:
    """The files of the last commit."""
    return git(folder, "show", "--format=", "--name-only", "HEAD").splitlines()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A checkout in which a retrain has just ended: new lock and data files, changed settings."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    root = tmp_path / "workspace"
    (root / "data").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Quinn")
    git(root, "config", "user.email", "quinn@example.org")
    for name in ("code.py", "params.yaml", "dvc.yaml"):
        (root / name).write_text("1\n")
    (root / ".gitignore").write_text("/data/*\n!/data/*.dvc\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    (root / "params.yaml").write_text("2\n")
    (root / "dvc.lock").write_text("1\n")
    (root / "data/parts.dvc").write_text("1\n")
    (root / "data/parts.png").write_text("ignored\n")
    return Workspace(root)


def test_the_documents_alone_are_committed_in_the_users_name(workspace: Workspace) -> None:
    name = commit_night(workspace, "Retrain parts: 1 category: 1 promoted\n\nbottle: promoted, version 1 (tocoad)\n")
    assert name == git(workspace.root, "rev-parse", "HEAD")
    assert committed(workspace.root) == ["data/parts.dvc", "dvc.lock", "params.yaml"]
    assert git(workspace.root, "log", "-1", "--format=%an <%ae>%n%B") == (
        "Quinn <quinn@example.org>\nRetrain parts: 1 category: 1 promoted\n\nbottle: promoted, version 1 (tocoad)"
    )
    assert git(workspace.root, "status", "--porcelain") == ""


def test_what_the_user_has_staged_changed_or_left_new_stays_as_it_is(workspace: Workspace) -> None:
    root = workspace.root
    (root / "code.py").write_text("staged\n")
    (root / "mine.txt").write_text("staged\n")
    git(root, "add", "code.py", "mine.txt")
    (root / "code.py").write_text("and changed\n")
    (root / "new.txt").write_text("new\n")
    commit_night(workspace, "night")
    assert committed(root) == ["data/parts.dvc", "dvc.lock", "params.yaml"]
    assert git(root, "status", "--porcelain").splitlines() == ["MM code.py", "A  mine.txt", "?? new.txt"]
    assert git(root, "show", ":code.py") == "staged"


def test_the_night_is_committed_as_it_is_though_the_user_had_staged_an_earlier_state(workspace: Workspace) -> None:
    git(workspace.root, "add", "dvc.lock", "params.yaml")
    workspace.params_file.write_text("3\n")
    commit_night(workspace, "night")
    assert git(workspace.root, "show", "HEAD:params.yaml") == "3"
    assert git(workspace.root, "status", "--porcelain") == ""


def test_a_version_file_that_is_gone_goes_with_the_commit(workspace: Workspace) -> None:
    (workspace.root / "feedback").mkdir()
    (workspace.root / "feedback/parts.dvc").write_text("1\n")
    commit_night(workspace, "night")
    (workspace.root / "feedback/parts.dvc").unlink()
    assert commit_night(workspace, "before anybody said anything") is not None
    assert committed(workspace.root) == ["feedback/parts.dvc"]
    assert git(workspace.root, "status", "--porcelain") == ""


def test_nothing_new_is_no_commit(workspace: Workspace) -> None:
    first = commit_night(workspace, "night")
    assert commit_night(workspace, "again") is None
    assert git(workspace.root, "rev-parse", "HEAD") == first


def test_the_first_commit_of_a_repository_may_be_a_night(workspace: Workspace) -> None:
    git(workspace.root, "checkout", "-q", "--orphan", "fresh")
    git(workspace.root, "read-tree", "--empty")
    assert commit_night(workspace, "night") is not None
    assert committed(workspace.root) == ["data/parts.dvc", "dvc.lock", "dvc.yaml", "params.yaml"]


def test_a_workspace_below_the_root_of_its_repository_commits_what_is_its_own(workspace: Workspace) -> None:
    inner = workspace.root / "line 3"
    (inner / "data").mkdir(parents=True)
    (inner / "dvc.lock").write_text("1\n")
    (inner / "data/parts.dvc").write_text("1\n")
    assert commit_night(Workspace(inner), "night") is not None
    assert committed(workspace.root) == ["line 3/data/parts.dvc", "line 3/dvc.lock"]


def test_what_dvc_lets_git_ignore_comes_along(workspace: Workspace) -> None:
    (workspace.root / ".gitignore").write_text("*.pyc\n")
    git(workspace.root, "commit", "-qam", "ignore less")
    (workspace.root / "data/.gitignore").write_text("/parts\n/parts.png\n")
    (workspace.root / "work/parts/bottle").mkdir(parents=True)
    (workspace.root / "work/parts/bottle/.gitignore").write_text("/detector\n")
    commit_night(workspace, "night")
    assert set(committed(workspace.root)) >= {"data/.gitignore", "work/parts/bottle/.gitignore", "data/parts.dvc"}


def without_identity(root: Path) -> None:
    git(root, "config", "--unset", "user.name")
    git(root, "config", "--unset", "user.email")


def detached(root: Path) -> None:
    git(root, "switch", "-q", "--detach")


def in_a_merge(root: Path) -> None:
    git(root, "switch", "-qc", "other")
    (root / "code.py").write_text("other\n")
    git(root, "commit", "-qm", "other", "code.py")
    git(root, "switch", "-q", "main")
    (root / "code.py").write_text("main\n")
    git(root, "commit", "-qm", "main", "code.py")
    git(root, "merge", "-q", "other", check=False)


def with_a_hook(root: Path) -> None:
    hook = root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no commits on a Thursday' >&2\nexit 1\n")
    hook.chmod(0o755)


def locked(root: Path) -> None:
    (root / ".git/index.lock").touch()


def none(root: Path) -> None:
    (root / ".git").rename(root.parent / "git")


@pytest.mark.parametrize(
    ("arrange", "told"),
    [
        (without_identity, "git config user.name NAME"),
        (detached, "git switch BRANCH"),
        (in_a_merge, "git is in the middle of a merge"),
        (with_a_hook, "git commit: no commits on a Thursday"),
        (locked, "index.lock"),
        (none, "is in no git repository: git init, or flow.commit=none"),
    ],
)
def test_where_a_commit_cannot_be_one_line_says_why_and_everything_stays(
    workspace: Workspace, arrange: object, told: str
) -> None:
    assert callable(arrange)
    root = workspace.root
    arrange(root)
    (root / "mine.txt").write_text("staged\n")
    git(root, "add", "mine.txt", check=False)
    before = git(root, "rev-parse", "HEAD", check=False), git(root, "status", "--porcelain", check=False)
    with pytest.raises(GitRecordError) as error:
        commit_night(workspace, "night")
    assert told in str(error.value) and "\n" not in str(error.value)
    assert before == (git(root, "rev-parse", "HEAD", check=False), git(root, "status", "--porcelain", check=False))
