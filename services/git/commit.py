"""The commit that a workspace is at."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from functools import cache

from services.git.calls import NoGitError, git
from tocoad.files.documents import LOCK, PLAN, TRACKED
from tocoad.files.workspace import Workspace

# What our own commands write does not make the code another.
_WRITTEN_BY_US = tuple(f":(exclude){name}" for name in (LOCK, PLAN, *(f"{kind}/*.dvc" for kind in TRACKED)))


@dataclass(frozen=True)
class GitCommit:
    """`dirty`: tracked files differ from the commit."""

    sha: str
    dirty: bool

    def __str__(self) -> str:
        return f"{self.sha}-dirty" if self.dirty else self.sha


def git_commit(workspace: Workspace) -> GitCommit | None:
    """None where there is no repository, no commit yet, or no git.

    Git does not open a repository of another user by itself, since its settings may name programs that git would run.
    Reading the commit runs none; looking for changes may, so there such a repository counts as changed.
    """
    sha = _git(workspace, "rev-parse", "--verify", "HEAD")
    if sha is None:
        return _commit_of_another_user(workspace)
    changes = _git(workspace, "status", "--porcelain", "--untracked-files=no", "--", ".", *_WRITTEN_BY_US)
    return GitCommit(sha.strip(), dirty=bool(changes))


def _commit_of_another_user(workspace: Workspace) -> GitCommit | None:
    root = _git(workspace, "-c", "safe.directory=*", "rev-parse", "--show-toplevel")
    sha = _git(workspace, "-c", "safe.directory=*", "rev-parse", "--verify", "HEAD")
    if root is None or sha is None:
        return None
    _warn(root.strip())
    return GitCommit(sha.strip(), dirty=True)


@cache
def _warn(root: str) -> None:
    trust = f"git config --global --add safe.directory {shlex.quote(root)}"
    print(f"warning: the git repository is another user's, its commit is recorded as dirty: {trust}", file=sys.stderr)


def _git(workspace: Workspace, *arguments: str) -> str | None:
    try:
        done = git(workspace.root, *arguments)
    except NoGitError:
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
