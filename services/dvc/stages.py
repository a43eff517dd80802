"""DVC's stage objects, by the names they have in dvc.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from services.dvc.repository import DvcError

Stages = dict[str, Any]


def load_stages(repo: Repo) -> Stages:
    # By its full path: DVC takes a bare stage name to be in the dvc.yaml of the process's current folder.
    file = Path(repo.root_dir) / "dvc.yaml"
    if not file.is_file():
        raise DvcError(f"{file} is missing: a workspace is a checkout of the project, or a copy of one")
    return {stage.name: stage for stage in repo.stage.load_all(str(file))}


def pick(graph: Stages, names: Iterable[str]) -> Stages:
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in graph]:
        raise DvcError(f"dvc.yaml has no stage {unknown[0]!r}: is its category in the plan of params.yaml?")
    return {name: graph[name] for name in wanted}
