"""DVC's repository, opened and locked. One lock a workspace: the driver alone comes here."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dvc.config import Config
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.rwlock import RWLOCK_FILE

from services.dvc.calls import told
from services.dvc.moved_links import follow_links
from tocoad.files.full_disk import full_disk_named
from tocoad.files.workspace import Workspace

_LOCK_SECONDS = 60.0

# Its errors reach us as exceptions; what it logs besides goes to standard output, and its bars into ours.
for part in ("dvc", "dvc_data", "dvc_objects"):
    logging.getLogger(part).setLevel(logging.CRITICAL)


@contextmanager
def opened(workspace: Workspace) -> Iterator[Repo]:
    """The locked repository; what DVC raises in the block leaves as one line."""
    root = workspace.root.resolve()
    with told(root), full_disk_named(root / ".dvc"), ExitStack() as stack:
        _initialise(root)
        repo = stack.enter_context(Repo(str(root)))
        _lock(stack, repo)
        _keep_locks_apart(repo)
        follow_links(root, repo.config["cache"])
        yield repo


def _initialise(root: Path) -> None:
    in_git = any((folder / ".git").exists() for folder in (root, *root.parents))
    if not (root / ".dvc").is_dir():
        Repo.init(str(root), no_scm=not in_git, subdir=in_git and not (root / ".git").exists()).close()
    elif not in_git and not Config(str(root / ".dvc"))["core"].get("no_scm"):
        # A copy of a checkout without its .git: DVC refuses to work there until it is told so.
        with Config(str(root / ".dvc")).edit("local") as config:
            config["core"]["no_scm"] = True


def _lock(stack: ExitStack, repo: Repo) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            stack.enter_context(lock_repo(repo))
        except LockError:
            # DVC itself has waited some seconds by now.
            if time.monotonic() > deadline:
                raise
        else:
            return


def _keep_locks_apart(repo: Repo) -> None:
    """Beside its one lock DVC has some for paths, which a stage of `dvc repro` holds while it runs, or waits for the
    lease that we have: here they would be waited for in vain. The lease keeps what is written apart.
    """
    repo.tmp_dir = str(Path(repo.tmp_dir) / "tocoad")
    Path(repo.tmp_dir).mkdir(exist_ok=True)
    # What is noted there, or half written, is of a run that was killed: none but this one has DVC's lock. DVC itself
    # would take its process for alive as soon as another has its number.
    Path(repo.tmp_dir, RWLOCK_FILE).unlink(missing_ok=True)
