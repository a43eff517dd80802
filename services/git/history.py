"""What the workspace's git repository has of its documents, as they were at a revision or as they are now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from services.git.calls import NoGitError, git
from tocoad.errors import SettingsError


def revision(root: Path, text: str) -> str:
    """The commit that a name, a tag or a part of a hash stands for.

    Raises:
        SettingsError: there is none, or no repository.
    """
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    if done is None or done.returncode not in (0, 1):
        reason = "git is not installed" if done is None else "is it in a git repository?"
        raise SettingsError(f"--rev {text}: {root}: {reason}")
    if done.returncode != 0:
        raise SettingsError(f"--rev {text}: git knows no such revision here; git fetch, and see git log --oneline")
    return done.stdout.decode().strip()


def described(root: Path, commit: str) -> str:
    """`3f2c1a9 (2026-11-26)`."""
    done = _git(root, "show", "--no-patch", "--format=%h (%cs)", commit)
    return commit[:10] if done is None or done.returncode != 0 else done.stdout.decode().strip()


def contents_at(root: Path, commit: str, names: Iterable[str]) -> dict[str, bytes]:
    """Of these files below `root` those that the commit has."""
    found = {}
    for name in names:
        done = _git(root, "show", f"{commit}:./{name}")
        if done is not None and done.returncode == 0:
            found[name] = done.stdout
    return found


def is_committed(root: Path, name: str) -> bool:
    """Whether any commit has the file as it lies there."""
    blob = _git(root, "hash-object", "--", name)
    if blob is None or blob.returncode != 0:
        return False
    found = _git(root, "log", "--all", "-1", "--format=%h", f"--find-object={blob.stdout.decode().strip()}", "--", name)
    return found is not None and found.returncode == 0 and bool(found.stdout.strip())


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    try:
        return git(root, *arguments)
    except NoGitError:
        return None
