"""The record of what was made: dvc.lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from dvc.repo import Repo
from dvc.rwlock import rwlock
from dvc.scm import Git
from dvc.utils import relpath

from services.dvc import lockfile
from services.dvc.repository import opened
from services.dvc.stages import load_graph
from services.dvc.staging import listings_dropped
from services.dvc.staleness import digests
from tocoad.files.workspace import Workspace


def commit(workspace: Workspace, names: Iterable[str], before: Mapping[str, str] | None = None) -> set[str]:
    """Records that the outputs of these stages, and of no other, belong to the inputs and settings that lie there now.

    Returns the stages that it left unrecorded, and so stale, because their sources are no longer those `before`.

    Raises:
        DvcError: an output is missing; nothing is recorded.
    """
    with opened(workspace) as repo:
        graph = load_graph(repo)
        stages = graph.pick(names)
        changed = set()
        if before is not None:
            now = digests(graph, stages)
            changed = {name for name in stages if now[name] != before[name]}
        recorded = {name: stage for name, stage in stages.items() if name not in changed}
        try:
            _record(repo, list(recorded.values()))
        finally:
            graph.forget(recorded)
        return changed


def _record(repo: Repo, stages: Sequence[Any]) -> None:
    """As `Repo.commit` does stage by stage; what it does of the whole workspace for each is done once for all."""
    if not stages:
        return
    written = [out.fs_path for stage in stages for out in stage.outs]
    hardlink = repo.config["core"].get("hardlink_lock", False)
    with (
        rwlock(repo.tmp_dir, repo.fs, "tocoad", [], written, hardlink),
        _links_noted_at_once(repo),
        _git_index_read_once(repo),
    ):
        for stage in stages:
            with listings_dropped():
                # No entry in the run cache: DVC finds its way there only from inside the workspace's root.
                stage.save(run_cache=False)
                for out in stage.outs:
                    out.commit()
    lockfile.write(repo, stages)


@contextmanager
def _links_noted_at_once(repo: Repo) -> Iterator[None]:
    """DVC notes what it links to its cache in a database, which it opens and closes for every output."""
    state, links = repo.state, {}
    state.set_link = lambda path, inode, mtime: links.update({relpath(path, state.root_dir): (inode, mtime)})
    try:
        yield
    finally:
        del state.set_link
        with state.links as noted, noted.transact():
            for path, link in links.items():
                noted[path] = link


@contextmanager
def _git_index_read_once(repo: Repo) -> Iterator[None]:
    """DVC asks of every output whether git has it."""
    scm = repo.scm
    if not isinstance(scm, Git):
        yield
        return
    files = [PurePosixPath(os.fsdecode(name)) for name in scm.dulwich.repo.open_index()]
    tracked = {*files, *(parent for file in files for parent in file.parents)}
    scm.is_tracked = lambda path: PurePosixPath(relpath(path, scm.root_dir)) in tracked
    try:
        yield
    finally:
        del scm.is_tracked
