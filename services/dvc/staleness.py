"""Which stages are stale, and what they read from outside the graph."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.rwlock import rwlock

from services.dvc.damage import healing
from services.dvc.repository import opened
from services.dvc.stages import Graph, load_graph
from services.dvc.staging import listings_dropped
from tocoad.files.workspace import Workspace

_IMAGES = "data/"
_WHOLE = re.compile(r"data/[^/]+")


@healing
def stale(workspace: Workspace, names: Iterable[str]) -> set[str]:
    """Those stages (`stage1@sample/gear`) whose command, settings, inputs or outputs differ from the record.

    A stage below a stale one is in it only if its own inputs have changed already.
    """
    with opened(workspace) as repo:
        stages = load_graph(repo).pick(names)
        # Nobody may be at work on what is read: DVC's `Stage.status` asks for each stage, and writes a file for it.
        read = [entry.fs_path for stage in stages.values() for entry in (*stage.deps, *stage.outs)]
        with rwlock(repo.tmp_dir, repo.fs, "tocoad", read, [], repo.config["core"].get("hardlink_lock", False)):
            return {name for name, stage in stages.items() if _is_stale(stage)}


def stale_by_images(workspace: Workspace, names: Iterable[str]) -> set[str]:
    """Of these stale stages, which list images, those that nothing but their images has made so; of a whole data set,
    whose images no other stage is asked for, none that are trained on.
    """
    with opened(workspace) as repo:
        stages = load_graph(repo).pick(names)
        return {
            name
            for name, stage in stages.items()
            if not _is_stale(stage, _IMAGES)
            and all(_trains_on_the_same(dep) for dep in stage.deps if _WHOLE.fullmatch(str(dep.def_path)))
        }


def is_clean(workspace: Workspace, names: Iterable[str]) -> bool:
    """Whether `dvc repro` would find nothing to do for these stages."""
    return not stale(workspace, names)


def sources(workspace: Workspace, names: Iterable[str]) -> dict[str, str]:
    """For each stage, a digest of what it reads from outside the graph: settings and images, not other stages' outputs.

    Taken before the stages run, and given to `commit`, it keeps a change made meanwhile from being recorded as done.
    """
    with opened(workspace) as repo:
        return digests(load_graph(repo), names)


def digests(graph: Graph, names: Iterable[str]) -> dict[str, str]:
    """`sources` in a repository that is open."""
    found = {}
    for name, stage in graph.pick(names).items():
        read: list[Any] = [stage.cmd]
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                read.append(dep.read_params())
            elif not graph.makes(str(dep.fs_path)):
                read.append([dep.def_path, dep.get_hash().value])
        found[name] = hashlib.sha256(json.dumps(read, sort_keys=True, default=str).encode()).hexdigest()
    return found


def _is_stale(stage: Any, but_for: str | None = None) -> bool:
    """DVC's `Stage.status`, up to the first difference; of what lies in the folder `but_for` none is heard."""
    entries = stage.outs if stage.frozen else (*stage.deps, *stage.outs)
    heard = (entry for entry in entries if but_for is None or not str(entry.def_path).startswith(but_for))
    return stage.is_callback or stage.always_changed or stage.changed_stage() or any(e.status() for e in heard)


def _trains_on_the_same(dataset: Any) -> bool:
    """Whether the `train` folders in it are as they were recorded; False where DVC has no list of what they had."""
    if (recorded := dataset.get_obj()) is None:
        return False
    with listings_dropped():
        _, _, present = dataset._build(
            dataset.cache, dataset.fs_path, dataset.fs, dataset.hash_name, ignore=dataset.dvcignore
        )
        return _train_folders(recorded) == _train_folders(present)


def _train_folders(listing: Any) -> dict[tuple[str, ...], str]:
    """Hashes of the files of CATEGORY/train."""
    return {path: found.value for path, _, found in listing if path[1:2] == ("train",)}
