"""The one boundary to git: a process of it, to which nobody is there to answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

from services.one_code import environment_of_others
from tocoad.errors import StageError


class NoGitError(StageError):
    """Git is not installed, or may not be executed."""


def git(
    root: Path, *arguments: str, given: bytes = b"", seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """However it ends; in the folder, in English, and without a question to a person.

    Raises:
        NoGitError: it cannot be run.
        TimeoutExpired: it was still running after so many seconds.
    """
    # A hook of the user's may be in Python.
    environment = {**environment_of_others(), "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C"}
    command = ["git", *arguments]
    try:
        return subprocess.run(
            command, cwd=root, env=environment, input=given, capture_output=True, check=False, timeout=seconds
        )
    except OSError as error:
        raise NoGitError(f"git cannot be run ({error.strerror})") from error
