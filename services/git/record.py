"""The record of a night as a commit: the workspace's documents, and nothing else of what its user has there."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from services.git.calls import NoGitError, git
from tocoad.errors import StageError
from tocoad.files.documents import TRACKED, documents
from tocoad.files.workspace import Workspace

# What DVC writes beside what it keeps, where git does not ignore all of it already.
_IGNORED_BY_DVC = (*(f"{kind}/.gitignore" for kind in TRACKED), ":(glob)work/**/.gitignore")
# Also one that is gone: a restore to before people said anything of a data set takes their record away.
_VERSIONS = tuple(f":(glob){kind}/*.dvc" for kind in TRACKED)
# Of a step that the user is in the middle of: what git keeps meanwhile, and its name.
_STEPS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
}
# A hook may run the user's tests, and gpg ask for a password that nobody types at night.
_SECONDS = 300.0
_LINES = 3


class GitRecordError(StageError):
    """The record of the night could not be committed; nothing was."""


def commit_night(workspace: Workspace, message: str) -> str | None:
    """Commits the documents as they lie there, in the name of the user, with whatever hooks there are. What else is
    staged, changed or new stays as it is. Returns the commit's name; None where there was nothing to commit.

    Raises:
        GitRecordError: there is no repository, it is not at the tip of a branch, has no identity, or a hook refuses.
    """
    root = workspace.root
    _refuse_elsewhere(root)
    _refuse_between_steps(root)
    changed, new = _changes(root, [*documents(workspace)])
    if not changed and not new:
        return None
    if new:  # git commits in part only what it has heard of
        _call(root, "add", "--intent-to-add", "--", *new)
    try:
        _call(root, "-c", "user.useConfigOnly=true", "commit", "--quiet", "--message", message, "--only", "--",
              *changed, *new)  # fmt: skip
    except BaseException:
        if new:
            _git(root, "rm", "--cached", "--quiet", "--", *new)
        raise
    return _ask(root, "rev-parse", "HEAD").strip()


def _refuse_elsewhere(root: Path) -> None:
    done = _git(root, "rev-parse", "--is-inside-work-tree")
    if done.stdout.strip() != "true" and (not done.stderr or "not a git repository" in done.stderr):
        raise GitRecordError(f"{root} is in no git repository: git init, or flow.commit=none")
    if done.returncode != 0:
        raise GitRecordError(f"git: {_reason(done)}")


def _refuse_between_steps(root: Path) -> None:
    for name, step in _STEPS.items():
        if (root / _ask(root, "rev-parse", "--git-path", name).strip()).exists():
            raise GitRecordError(f"git is in the middle of a {step}: the next retrain commits when that is over")
    if _git(root, "symbolic-ref", "--quiet", "HEAD").returncode != 0:
        raise GitRecordError("git is at no branch (detached HEAD), where a commit would be lost: git switch BRANCH")


def _changes(root: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of the documents, and of what DVC lets git ignore, those that differ from the last commit, and those that git has
    never heard of and does not ignore.
    """
    wanted = ("--", *names, *_VERSIONS, *_IGNORED_BY_DVC)
    new = _listed(root, "ls-files", "-z", "--others", "--exclude-standard", *wanted)
    if _git(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0:  # before the first commit
        return _listed(root, "ls-files", "-z", "--cached", *wanted), new
    return _listed(root, "diff", "-z", "--name-only", "--relative", "HEAD", *wanted), new


def _listed(root: Path, *arguments: str) -> list[str]:
    return [name for name in _call(root, *arguments).split("\0") if name]


def _ask(root: Path, *arguments: str) -> str:
    """Empty where git does not answer."""
    done = _git(root, *arguments)
    return done.stdout if done.returncode == 0 else ""


def _call(root: Path, *arguments: str) -> str:
    done = _git(root, *arguments)
    if done.returncode != 0:
        raise GitRecordError(f"git {_verb(arguments)}: {_reason(done)}")
    return done.stdout


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """What git, or a hook, says of its refusal, in one line."""
    if "tell me who you are" in done.stderr:
        return "it does not know who you are: git config user.name NAME, git config user.email ADDRESS"
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return "; ".join((fatal or lines)[:_LINES]) or f"it ended with {done.returncode}, and said nothing"


def _verb(arguments: Sequence[str]) -> str:
    return arguments[2] if arguments[0] == "-c" else arguments[0]


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        done = git(root, *arguments, seconds=_SECONDS)
    except subprocess.TimeoutExpired:
        raise GitRecordError(
            f"git {_verb(arguments)}: no end within {_SECONDS:.0f} s: a hook, or a password?"
        ) from None
    except NoGitError as error:
        raise GitRecordError(str(error)) from None
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)
