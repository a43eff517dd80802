"""A workspace away from the sources: the settings as they are delivered, the stages, what git and DVC want to find."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from services.git.calls import NoGitError, git
from tocoad.errors import SettingsError, StageError
from tocoad.files.documents import PARAMS, STAGES
from tocoad.files.replacing import discarded
from tocoad.files.workspace import Workspace
from tocoad.rooms import ROOMS, is_apart
from tocoad.settings.file import override
from tocoad.settings.plan import Plan
from tocoad.stages.dvc_file import write_dvc_file

# An installation has its own copy (infra/wheel/backend.py), a checkout is a workspace itself.
_TEMPLATE = ROOMS / "workspace" if is_apart() else ROOMS.parents[1]
_COPIED = (PARAMS, ".gitignore", ".dvcignore")
_PROFILE = "demo"
# What `dvc init` would write, with its analytics off.
_DVC = {"config": "[core]\n    analytics = false\n", ".gitignore": "/config.local\n/tmp\n/cache\n"}

Git = Literal["made", "found", "absent"]
"""A repository was made, or one was there that the folder lies in, or git is not installed."""


def make_workspace(folder: Path) -> Git:
    """In a folder that is not there yet, or is empty but for a repository of git.

    Raises:
        SettingsError: the folder has something in it, or lies in a workspace.
        StageError: git refuses.
    """
    target = folder.resolve()
    _refuse_taken(target)
    with discarded(target) as made:
        for name in _COPIED:
            (made / name).write_bytes((_TEMPLATE / name).read_bytes())
        # Whoever works in the checkout may have chosen another.
        params = override(Workspace(made), {}, profile=_PROFILE, replan=lambda _: Plan())
        (made / ".dvc").mkdir()
        for name, text in _DVC.items():
            (made / ".dvc" / name).write_text(text, encoding="utf-8")
        write_dvc_file(Workspace(made), params.settings)
        found = _repository(target, made)
        target.mkdir(exist_ok=True)
        # Its last file makes it a workspace. The folder itself stays: somebody may stand in it, and it may be another
        # disk's.
        for entry in sorted(made.iterdir(), key=lambda entry: entry.name == STAGES):
            shutil.move(entry, target / entry.name)
    return found


def _refuse_taken(target: Path) -> None:
    for outer in target.parents:
        if all((outer / name).is_file() for name in (PARAMS, STAGES)):
            raise SettingsError(f"{target} lies in the workspace {outer}: choose a folder outside of it")
    if target.is_dir() and all(entry.name == ".git" for entry in target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        raise SettingsError(f"{target} is there already and not empty: choose another folder for the workspace")


def _repository(target: Path, made: Path) -> Git:
    if any((outer / ".git").exists() for outer in (target, *target.parents)):
        return "found"
    try:
        done = git(made, "init", "--quiet")
    except NoGitError:
        return "absent"
    if done.returncode:
        raise StageError(f"git made no repository for {target}: {done.stderr.decode(errors='replace').strip()}")
    return "made"
