"""Which software this is: the first question about any report of a defect."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tocoad
from services.git.calls import NoGitError, git

NAMED = ("torch", "prefect", "mlflow", "ray", "dvc")
"""The packages that most depends on."""
CODE = Path(tocoad.__path__[0]).parent
"""Where our sources lie: a checkout, or where an installation put them."""


def software() -> dict[str, str | None]:
    """`commit` is None where the sources are no checkout, and ends with `+` where they have changed since; a package's
    version is None where it is not installed.
    """
    return {
        "tocoad": version("tocoad"),
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: installed(name) for name in NAMED},
    }


def installed(name: str) -> str | None:
    """The version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    if not (CODE / ".git").exists():
        return None
    try:
        head = git(CODE, "rev-parse", "--short=12", "HEAD")
        changed = git(CODE, "status", "--porcelain", "--untracked-files=no")
    except NoGitError:
        return None
    return head.stdout.decode().strip() + ("+" if changed.stdout else "") if head.returncode == 0 else None
