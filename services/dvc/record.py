"""The record of what was made: dvc.lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.dvcfile import Lockfile
from dvc.repo import Repo

from services.dvc.repository import opened
from services.dvc.stages import load_stages, pick
from services.dvc.staleness import digests
from tocoad.files.replacing import sync
from tocoad.files.workspace import Workspace


def commit(workspace: Workspace, names: Iterable[str], before: Mapping[str, str] | None = None) -> set[str]:
    """Records that the outputs of these stages, and of no other, belong to the inputs and settings that lie there now.

    Returns the stages that it left unrecorded, and so stale, because their sources are no longer those `before`.

    Raises:
        DvcError: an output is missing; nothing is recorded.
    """
    with opened(workspace) as repo:
        graph = load_stages(repo)
        stages = pick(graph, names)
        changed = set()
        if before is not None:
            now = digests(graph, stages)
            changed = {name for name in stages if now[name] != before[name]}
        recorded = [stage for name, stage in stages.items() if name not in changed]
        # As `Repo.commit` does stage by stage, but with dvc.lock read and written once: that is most of its time.
        for stage in recorded:
            # No entry in the run cache: DVC finds its way there only from inside the workspace's root.
            stage.save(run_cache=False)
            stage.commit()
        if recorded:
            _write_lock(repo, recorded)
        return changed


def _write_lock(repo: Repo, stages: Sequence[Any]) -> None:
    """dvc.lock with these stages' entries new, in one step: DVC writes into the file itself, and a kill or a full disk
    in the middle of that would leave a half that no DVC command reads any more.
    """
    lock = Path(repo.root_dir) / "dvc.lock"
    incoming = lock.with_name(".dvc.lock.incoming")
    try:
        incoming.write_bytes(lock.read_bytes() if lock.is_file() else b"")
        Lockfile(repo, str(incoming)).dump_stages(stages)
        with incoming.open("rb") as written:
            os.fsync(written.fileno())
        incoming.replace(lock)
        sync(lock.parent)
    finally:
        incoming.unlink(missing_ok=True)
