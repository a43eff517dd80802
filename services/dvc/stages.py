"""DVC's stage objects, by the names they have in dvc.yaml.

To make them takes seconds where there are thousands of stages, so they are kept for the next call of this process: all,
as long as the files that say what the stages are stay as they were, and each, as long as its entry in dvc.lock does.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path, PurePath
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.dvcfile import ProjectFile
from dvc.output import Output
from dvc.repo import Repo

from services.dvc import lockfile
from services.dvc.calls import DvcError
from services.dvc.earlier import bring_up_to_date
from services.dvc.staging import listings_dropped

Stages = dict[str, Any]

_DEFINITIONS = ("dvc.yaml", "params.yaml", "plan.yaml", ".dvcignore", ".dvc/config", ".dvc/config.local")


class Graph:
    """The stages as the definitions say, each filled from its entry in dvc.lock."""

    def __init__(self, repo: Repo, file: Path) -> None:
        self._project = ProjectFile(repo, str(file))
        self._entries: dict[str, str | None] = {}
        self._stages: Stages = dict.fromkeys(self._project.resolver.get_keys())
        self._seen: dict[Any, Any] = {}

    def pick(self, names: Iterable[str]) -> Stages:
        """What lies on the disk is looked at once for all of them that ask for it."""
        wanted = list(dict.fromkeys(names))
        if unknown := [name for name in wanted if name not in self._stages]:
            raise DvcError(f"dvc.yaml has no stage {unknown[0]!r}: is its category in plan.yaml?")
        stages = {name: self._stages[name] for name in wanted}
        _look_once(self._project.repo, stages.values(), self._seen)
        return stages

    def makes(self, path: str) -> bool:
        """Whether the path is a stage's output, in one, or has one in it."""
        return path in self._above or any(str(place) in self._made for place in (path, *PurePath(path).parents))

    def is_defined_by(self, files: Container[str]) -> bool:
        """Whether no other file says what the stages are."""
        stages = self._project.contents.get("stages", {}).values()
        places = [self._project.contents, *stages, *(stage["do"] for stage in stages if "do" in stage)]
        named = (item for place in places for item in place.get("vars", ()) if isinstance(item, str))
        return all(item.partition(":")[0] in files for item in named)

    def forget(self, names: Iterable[str]) -> None:
        """These stages' objects may no longer be what dvc.lock says: the next call makes them anew."""
        for name in names:
            self._entries.pop(name, None)

    def fill(self, repo: Repo) -> None:
        """Makes those stages anew whose entry has changed, and lets the others belong to this repository."""
        self._project.repo, self._seen = repo, {}
        blocks = lockfile.read_blocks(Path(repo.root_dir))
        changed = [name for name in self._stages if not self._is_as_in(blocks, name)]
        entries = None
        if blocks is not None:
            entries = lockfile.parse({name: blocks[name] for name in changed if name in blocks})
        if entries is None:
            blocks, entries = None, lockfile.read_whole(repo)
            changed = list(self._stages)
        loader = self._project.LOADER(self._project, self._project.contents, {"stages": entries})
        for name in changed:
            self._stages[name] = loader[name]
        self._entries = {} if blocks is None else {name: blocks.get(name) for name in self._stages}

    def _is_as_in(self, blocks: Mapping[str, str] | None, name: str) -> bool:
        return blocks is not None and name in self._entries and self._entries[name] == blocks.get(name)

    @cached_property
    def _made(self) -> set[str]:
        return {str(out.fs_path) for stage in self._stages.values() for out in stage.outs}

    @cached_property
    def _above(self) -> set[str]:
        return {str(parent) for out in self._made for parent in PurePath(out).parents}


_kept: dict[tuple[Any, ...], Graph] = {}


def load_graph(repo: Repo) -> Graph:
    root = Path(repo.root_dir)
    # By its full path: DVC takes a bare stage name to be in the dvc.yaml of the process's current folder.
    if not (file := root / "dvc.yaml").is_file():
        raise DvcError(f"{file} is missing: a workspace has it; write it with: python -m tocoad graph")
    definitions = (root / name for name in _DEFINITIONS)
    key = (root, *(definition.read_bytes() if definition.is_file() else b"" for definition in definitions))
    graph = _kept.pop(key, None) or Graph(repo, file)
    _kept.clear()
    bring_up_to_date(root)
    graph.fill(repo)
    if graph.is_defined_by(_DEFINITIONS):
        _kept[key] = graph
    return graph


def _look_once(repo: Repo, stages: Iterable[Any], seen: dict[Any, Any]) -> None:
    """DVC reads params.yaml for every stage, and hashes a folder for each that reads it."""
    for stage in stages:
        stage.repo = repo
        for entry in (*stage.deps, *stage.outs):
            entry.repo = repo
            if isinstance(entry, ParamsDependency):
                entry.read_params = partial(_once, seen, ParamsDependency.read_params, entry, *entry.params)
            else:
                entry.get_hash = partial(_once, seen, _hash, entry, entry.hash_name)


def _once(seen: dict[Any, Any], look: Callable[[Any], Any], entry: Any, *of: str) -> Any:
    key = (entry.fs_path, *of)
    if key not in seen:
        seen[key] = look(entry)
    return seen[key]


def _hash(entry: Any) -> Any:
    with listings_dropped():
        return Output.get_hash(entry)
