"""Which stages are stale, and what they read from outside the graph."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency

from services.dvc.damage import healing
from services.dvc.repository import opened
from services.dvc.stages import Stages, load_stages, pick
from tocoad.files.workspace import Workspace


@healing
def stale(workspace: Workspace, names: Iterable[str]) -> set[str]:
    """Those stages (`stage1@sample/gear`) whose command, settings, inputs or outputs differ from the record.

    A stage below a stale one is in it only if its own inputs have changed already.
    """
    with opened(workspace) as repo:
        return {name for name, stage in pick(load_stages(repo), names).items() if stage.status(check_updates=True)}


def is_clean(workspace: Workspace, names: Iterable[str]) -> bool:
    """Whether `dvc repro` would find nothing to do for these stages."""
    return not stale(workspace, names)


def sources(workspace: Workspace, names: Iterable[str]) -> dict[str, str]:
    """For each stage, a digest of what it reads from outside the graph: settings and images, not other stages' outputs.

    Taken before the stages run, and given to `commit`, it keeps a change made meanwhile from being recorded as done.
    """
    with opened(workspace) as repo:
        graph = load_stages(repo)
        return digests(graph, pick(graph, names))


def digests(graph: Stages, stages: Stages) -> dict[str, str]:
    """`sources` of these stages of the graph, in a repository that is open."""
    made = {Path(out.fs_path) for stage in graph.values() for out in stage.outs}
    above = {parent for out in made for parent in out.parents}
    # Stages of one kind read the same settings: the file is read once for all categories.
    settings: dict[tuple[str, ...], Any] = {}
    found = {}
    for name, stage in stages.items():
        read: list[Any] = [stage.cmd]
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                key = (str(dep.fs_path), *dep.params)
                if key not in settings:
                    settings[key] = dep.read_params()
                read.append(settings[key])
            elif (path := Path(dep.fs_path)) not in above and made.isdisjoint((path, *path.parents)):
                read.append([dep.def_path, dep.get_hash().value])
        found[name] = hashlib.sha256(json.dumps(read, sort_keys=True, default=str).encode()).hexdigest()
    return found
