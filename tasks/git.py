"""The commit that a workspace is at."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tocoad.workspace import Workspace

# What a retrain itself writes does not make the code another.
_WRITTEN_BY_US = (":(exclude)dvc.lock", ":(exclude)data/*.dvc")


@dataclass(frozen=True)
class GitCommit:
    """`dirty`: tracked files differ from the commit."""

    sha: str
    dirty: bool

    def __str__(self) -> str:
        return f"{self.sha}-dirty" if self.dirty else self.sha


def git_commit(workspace: Workspace) -> GitCommit | None:
    """None where there is no repository, no commit yet, or no git."""
    sha = _git(workspace, "rev-parse", "--verify", "HEAD")
    if sha is None:
        return None
    changes = _git(workspace, "status", "--porcelain", "--untracked-files=no", "--", ".", *_WRITTEN_BY_US)
    return GitCommit(sha.strip(), dirty=bool(changes))


def _git(workspace: Workspace, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=workspace.root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
