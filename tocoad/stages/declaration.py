"""What a stage and a method say of themselves. The list of what decides a stage's output stands here alone: `dvc.yaml`,
the digests in a stage's record, and the keys of checkpoints and studies all follow from it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from tocoad.errors import StageError
from tocoad.files.workspace import Category, Owner
from tocoad.settings.base import Section

if TYPE_CHECKING:
    from tocoad.stages.stage import StageFunction

Scope = Literal["method", "category", "dataset"]
"""Whose a stage's output is: a method's of one category, every method's of a category, or a method's of a data set."""

DataPart = Literal["none", "train", "all", "listed"]
"""Which of its owner's images a stage may open. `listed` are those that a list which it reads names by their content:
DVC compares the list, and the stage refuses an image that is no longer what the list says.
"""


@dataclass(frozen=True)
class Input:
    """What a stage reads of another's output: `files` below its `folder`, or all that it declares as `outs`."""

    stage: str
    files: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class Plot:
    """A table of the output that is drawn, column `y` over column `x`."""

    file: str
    x: str
    y: str


@dataclass(frozen=True)
class Stage:
    """One node: all that it reads and all that it writes.

    `inputs` are by the name that the function uses. `params` are the sections of the settings whose change makes it
    stale. `files` name values of the settings, `section.key`, that are a file or folder outside the workspace's data,
    read by content. `outs`, `metrics` and `plots` are all that it leaves in its output folder, beside `notes`: what may
    be otherwise the next time, so that DVC does not keep it. What lies in a wider scope is made once for all in it;
    `plan` is then the list of the plan that it is made for, where that is none of one method's. `revision` is raised
    when the code makes other numbers of the same input: it is part of the command in dvc.yaml. Where it `trains`
    several workers may share its steps.
    """

    name: str
    function: str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    scope: Scope = "method"
    data: DataPart = "none"
    files: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()
    plan: str = ""
    revision: int = 1
    trains: bool = False

    def owner(self, asker: Owner) -> Owner:
        """Of the output that a stage of `asker` reads or makes."""
        return asker.dataset if self.scope == "dataset" and isinstance(asker, Category) else asker

    @property
    def lists_images(self) -> bool:
        """Whether it says for others which images there are; what is a method's own and sees them all judges them."""
        return self.data == "all" and self.scope != "method"

    @property
    def upstream(self) -> tuple[str, ...]:
        """Names of the stages it reads."""
        return tuple(source.stage for source in self.inputs.values())

    @property
    def writes(self) -> tuple[str, ...]:
        """Files and folders, below its output folder."""
        return (*self.outs, *self.metrics, *(plot.file for plot in self.plots))

    def load(self) -> StageFunction:
        """Imports the function here, so that the graph itself stays light."""
        module, _, name = self.function.partition(":")
        return cast("StageFunction", getattr(importlib.import_module(module), name))


@dataclass(frozen=True)
class Method:
    """A method's stages in order; the last is `evaluate`, and the stage whose `detector` it reads leaves the package.

    `settings` are models whose fields are the method's own sections of `params.yaml`. `models` are the networks that
    its detectors may be of: a model name of `detector.json` and its class, `module:name`. `about` is what the report
    says of it.
    """

    name: str
    stages: tuple[Stage, ...]
    settings: tuple[type[Section], ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    about: str = ""

    def stage(self, name: str) -> Stage:
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise StageError(f"{self.name} has no stage {name!r}; it has {', '.join(s.name for s in self.stages)}")

    def params(self, name: str) -> tuple[str, ...]:
        """The sections that decide the output of a stage: its own, and those of every stage it reads."""
        stage = self.stage(name)
        upstream = [section for source in stage.upstream for section in self.params(source)]
        return tuple(sorted({*stage.params, *upstream}))

    def reads(self, stage: Stage) -> dict[str, tuple[str, ...]]:
        """By input, the files and folders that the stage reads, below the folder that it is given."""
        return {
            role: source.files or (() if source.folder else self.stage(source.stage).outs)
            for role, source in stage.inputs.items()
        }

    @property
    def detector_stage(self) -> Stage:
        return self.stage(self.stages[-1].inputs["detector"].stage)

    @property
    def shared_plans(self) -> dict[str, Literal["category", "dataset"]]:
        """Lists of the plan that follow by themselves, and what they list."""
        return {stage.plan: _kind(stage) for stage in self.stages if stage.plan}


def _kind(stage: Stage) -> Literal["category", "dataset"]:
    return "dataset" if stage.scope == "dataset" else "category"
