"""`dvc.yaml`, written from what the stages declare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from tocoad.errors import StageError
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Workspace
from tocoad.settings.file import settle_plan
from tocoad.settings.sections import CONTROL, PROFILED, Settings
from tocoad.stages.declaration import Method, Stage
from tocoad.stages.graph import METHODS, OF_SEVERAL_METHODS
from tocoad.stages.running import outside_files

DVC_FILE = "dvc.yaml"
# DVC would remove the outputs before it runs the command, or put others there that it remembers and not run it: the
# command alone knows whether another run works there.
_KEPT = "persist: true"
_HEAD = """\
# Written by `python -m tocoad graph` from what the methods in tocoad/methods/table.py declare: edit there.
# A matrix runs over the categories that plan.yaml gives a method; the control has them all.
vars: [plan.yaml]
stages:
"""


def dvc_text(workspace: Workspace, settings: Settings) -> str:
    """The content of the file. `settings` say which outside files there are; beside these it is the same everywhere."""
    return _HEAD + "\n".join(_text(entry, _outside(entry.stage, workspace, settings)) for entry in entries())


def is_current(workspace: Workspace, settings: Settings) -> bool:
    """Whether the workspace's file says of our stages what they declare; other stages in it are its user's."""
    present, declared = _read(workspace), _parse(dvc_text(workspace, settings))
    stages_are = all(present["stages"].get(name) == stage for name, stage in declared["stages"].items())
    return stages_are and set(declared["vars"]) <= set(_named(present))


def write_dvc_file(workspace: Workspace, settings: Settings) -> bool:
    """Brings the file up to date, with what a user has added to it; True where it was not. A plan that still stands in
    params.yaml moves to where the file finds it.
    """
    settle_plan(workspace)
    if is_current(workspace, settings):
        return False
    text, present = dvc_text(workspace, settings), _read(workspace)
    declared = _parse(text)
    files = [*declared["vars"], *(item for item in present.pop("vars", ()) if item not in declared["vars"])]
    added = {name: stage for name, stage in present.pop("stages").items() if name not in declared["stages"]}
    if added or present or files != declared["vars"]:
        declared["stages"].update(added)
        text = _HEAD.partition("vars:")[0] + _dump({**present, **declared, "vars": files})
    write_whole(workspace.root / DVC_FILE, text.encode())
    return True


def _named(document: Mapping[str, Any]) -> list[str]:
    """The files of variables; a user may also write variables there."""
    return [item for item in document.get("vars", ()) if isinstance(item, str)]


def unnamed_files(workspace: Workspace, settings: Settings, stage: Stage) -> list[Path]:
    """Outside files that the stage reads with these settings and that the workspace's file, where it has the stage,
    does not name: DVC would not see a change of theirs.
    """
    if not (files := outside_files(stage, settings, workspace.root)):
        return []
    present = _read(workspace)["stages"]
    names = [entry.name for entry in entries() if entry.stage == stage and entry.name in present]
    return [path for path in files if any(str(path) not in present[name].get("deps", ()) for name in names)]


def _outside(stage: Stage, workspace: Workspace, settings: Settings) -> list[str]:
    """As the settings name them, in quotes: a path may have any character in it."""
    return [json.dumps(str(path)) for path in outside_files(stage, settings, workspace.root)]


@dataclass(frozen=True)
class Entry:
    """A stage of the file; `methods` are those that have it."""

    name: str
    stage: Stage
    methods: tuple[Method, ...]

    @property
    def kind(self) -> str:
        return "dataset" if self.stage.scope == "dataset" else "category"

    @property
    def owner(self) -> str:
        return f"${{item.{self.kind}}}"

    def folder(self, stage: Stage) -> str:
        """Of the output of a stage that this one reads, or of its own."""
        # `..` leads from a category to what its data set has.
        up = "/.." if stage.scope == "dataset" and self.kind == "category" else ""
        whose = "" if stage.scope == "category" else f"{self.methods[0].name}/"
        return f"work/{self.owner}{up}/{whose}{stage.name}"

    @property
    def plan(self) -> str:
        """The list of the plan that it is made for."""
        names = [method.name for method in self.methods]
        if self.stage.plan or len(names) == 1:
            return self.stage.plan or names[0]
        if CONTROL in names:
            return CONTROL
        raise ValueError(f"stage {self.stage.name!r} of {', '.join(names)}: declare its `plan`, a list of its own")

    @property
    def command(self) -> str:
        words = [f"python -m tocoad {self.stage.name} --{self.kind} {self.owner}"]
        if self.stage.name in OF_SEVERAL_METHODS:
            words.append(f"--method {self.methods[0].name}")
        if self.stage.revision > 1:
            words.append(f"--revision {self.stage.revision}")
        return " ".join(words)

    def deps(self, outside: Iterable[str]) -> Iterator[str]:
        if self.stage.data in ("train", "all"):
            yield f"data/{self.owner}" + ("/train" if self.stage.data == "train" else "")
        method = self.methods[0]
        reads = method.reads(self.stage)
        for role, source in self.stage.inputs.items():
            folder = "/".join(part for part in (self.folder(method.stage(source.stage)), source.folder) if part)
            yield from (f"{folder}/{file}" for file in reads[role]) if reads[role] else (folder,)
        yield from outside

    def params(self) -> Iterator[str]:
        for section in self.stage.params:
            yield section
            if section in PROFILED:
                yield f"profiles.${{profile}}.{section}"


def entries() -> list[Entry]:
    """Every stage once, where it comes first."""
    found: dict[str, Entry] = {}
    for method in METHODS.values():
        for stage in method.stages:
            name = f"{stage.name}_{method.name}" if stage.name in OF_SEVERAL_METHODS else stage.name
            known = found.get(name, Entry(name, stage, ()))
            if known.stage != stage or (known.methods and stage.scope != "category"):
                raise ValueError(f"{method.name}: another method has a stage {stage.name!r}; give it another name")
            found[name] = Entry(name, stage, (*known.methods, method))
    return list(found.values())


def _text(entry: Entry, outside: Iterable[str]) -> str:
    stage, folder = entry.stage, entry.folder(entry.stage)
    lines = [
        f"  {entry.name}:",
        f'    matrix: {{{entry.kind}: "${{plan.{entry.plan}}}"}}',
        f"    cmd: {entry.command}",
        *_list("deps", entry.deps(outside)),
        *_list("params", entry.params()),
        *_list("outs", (f"{folder}/{name}: {{{_KEPT}}}" for name in stage.outs)),
        *_list("metrics", (f"{folder}/{name}: {{{_KEPT}}}" for name in stage.metrics)),
        *_list("plots", (f"{folder}/{plot.file}: {{{_KEPT}, x: {plot.x}, y: {plot.y}}}" for plot in stage.plots)),
    ]
    return "\n".join(lines) + "\n"


def _list(key: str, items: Iterable[str]) -> list[str]:
    entries = [f"      - {item}" for item in items]
    return [f"    {key}:", *entries] if entries else []


def _read(workspace: Workspace) -> dict[str, Any]:
    """An empty one where there is none. Raises StageError for one that is broken."""
    from ruamel.yaml.error import YAMLError

    file = workspace.root / DVC_FILE
    try:
        document = _parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (YAMLError, ValueError) as error:
        raise StageError(f"{file}: not valid YAML ({' '.join(str(error).split())}); mend or remove it") from None
    if not isinstance(document, dict) or not isinstance(document.setdefault("stages", {}), dict):
        raise StageError(f"{file}: not a mapping of stages; mend or remove it")
    return document


def _parse(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def _dump(document: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    text = StringIO()
    yaml.dump(document, text)
    return text.getvalue()
