"""The state of the workspace in git and DVC: can a night be recorded, and brought back?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.doctor.case import Case
from services.doctor.finding import Finding, State
from services.git.calls import NoGitError, git
from tocoad.files.documents import LOCK, documents
from tocoad.files.process_lock import is_free

_SECONDS = 30.0
_SHOWN = 5


def check_git(case: Case) -> Iterator[Finding]:
    """Whether `flow.commit: git` could commit, and what no commit has yet."""
    if case.workspace is None:
        return
    wanted = case.settings is not None and case.settings.flow.commit == "git"
    needed: State = "bad" if wanted else "warn"
    names = [*documents(case.workspace)]
    try:
        said = git(case.workspace.root, "status", "--porcelain", "--branch", "-z", "--", *names, seconds=_SECONDS)
    except NoGitError as error:
        yield Finding("git", needed, str(error), "install git: the states to come back to are its commits")
        return
    if said.returncode != 0:
        reason = said.stderr.decode(errors="replace").strip().partition("\n")[0]
        way_out = "git init, then commit params.yaml, plan.yaml, dvc.yaml, dvc.lock and data/*.dvc"
        yield Finding("git", needed, reason or f"git status ended with {said.returncode}", way_out)
        return
    branch, *changed = said.stdout.decode(errors="replace").rstrip("\0").split("\0")
    at = branch.removeprefix("## ").removeprefix("No commits yet on ").partition("...")[0]
    if at.startswith("HEAD (no branch)") and wanted:
        yield Finding("git", "bad", "no branch is checked out, and flow.commit is git", "git switch BRANCH")
    text = f"branch {at}, every document is committed"
    if changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        text = f"branch {at}, not committed: {', '.join(line[3:] for line in changed[:_SHOWN])}{more}"
    way_out = "" if wanted or not changed else "git commit these where you want to come back to: tocoad restore --rev"
    yield Finding("git", "ok", text, way_out)


def check_dvc(case: Case) -> Iterator[Finding]:
    """Whether dvc.yaml and dvc.lock can be read and are those of this version, and whether another is at work."""
    if case.workspace is None:
        return
    from services.dvc.lockfile import read_blocks
    from tocoad.stages.dvc_file import is_current

    root = case.workspace.root.resolve()
    if read_blocks(root) is None and (reason := _broken(root / LOCK)):
        way_out = f"mend it (a merge's marks?), git checkout -- {LOCK}, or tocoad restore NAME"
        yield Finding("dvc", "bad", f"{LOCK} is no YAML: {reason}", way_out)
        return
    if case.settings is not None and not is_current(case.workspace, case.settings):
        way_out = "python -m tocoad graph (the next retrain does it too)"
        yield Finding("dvc", "warn", "dvc.yaml is not what this version's stages declare", way_out)
    lock = root / ".dvc" / "tmp" / "lock"
    busy = lock.is_file() and not is_free(lock, unknown=True)
    yield Finding("dvc", "ok", "another DVC command is at work here" if busy else "dvc.yaml and dvc.lock can be read")


def check_datasets(case: Case) -> Iterator[Finding]:
    """Whether what git has the version of lies here."""
    if case.workspace is None:
        return
    from services.dvc.data import folder_version

    folders = sorted(file.with_suffix("") for file in (case.workspace.root / "data").glob("*.dvc"))
    sound = 0
    for folder in folders:
        try:
            folder_version(folder)
            problem = "" if folder.is_dir() else f"data set {folder.name} has a version, and its images are not here"
        except ValueError as error:
            problem = str(error)
        if problem:
            yield Finding("data sets", "warn", problem, f"tocoad restore {folder.name} brings them back")
        sound += not problem
    yield Finding("data sets", "ok", f"{sound} of {len(folders)} are here" if folders else "none yet")


def _broken(file: Path) -> str:
    """What is wrong with a file of YAML; empty where nothing is."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        YAML(typ="safe").load(file)
    except (YAMLError, ValueError) as error:
        return " ".join(str(error).split())
    return ""
