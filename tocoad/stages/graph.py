"""The stage graph: which stages make up a method, and what each reads.

`dvc.yaml` writes the same graph down for DVC; a test holds the two together.
"""

from __future__ import annotations

import importlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from tocoad.errors import StageError
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.sections import CONTROL, MethodName
from tocoad.stages.stage import StageFunction

DETECTOR_DIR = "detector"

Scope = Literal["method", "category", "dataset"]
"""Whose a stage's output is: a method's of one category, every method's of a category, or a method's of a data set."""


@dataclass(frozen=True)
class Stage:
    """One node. `inputs` maps the name that the function uses to the stage whose output it reads: `stage`, or
    `stage/folder` where it reads a folder of that output.

    `params` are the sections whose change makes the stage stale. What lies in a wider scope is made once for all in it.
    """

    name: str
    function: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    scope: Scope = "method"

    def owner(self, asker: Owner) -> Owner:
        """Of the output that a stage of `asker` reads or makes."""
        return asker.dataset if self.scope == "dataset" and isinstance(asker, Category) else asker

    @property
    def upstream(self) -> tuple[str, ...]:
        """Names of the stages it reads."""
        return tuple(source.partition("/")[0] for source in self.inputs.values())

    def load(self) -> StageFunction:
        """Imports the function here, so that the graph itself stays light."""
        module, _, name = self.function.partition(":")
        return cast(StageFunction, getattr(importlib.import_module(module), name))


@dataclass(frozen=True)
class Method:
    """A method's stages in order. The last but one leaves the detector package, which `evaluate` reads."""

    name: MethodName
    stages: tuple[Stage, ...]

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

    def input_dirs(self, workspace: Workspace, asker: Owner, stage: Stage) -> dict[str, Path]:
        """The folders that the stage reads, by the names that its function uses."""
        folders = {}
        for role, source in stage.inputs.items():
            upstream, _, part = source.partition("/")
            folders[role] = output_dir(workspace, asker, self.name, self.stage(upstream)) / part
        return folders

    @property
    def detector_stage(self) -> Stage:
        return self.stage(self.stages[-1].inputs["detector"].partition("/")[0])


MANIFEST = Stage("manifest", "tocoad.data.stage:manifest", params=("split",), scope="category")
SYNTHESIZE = Stage(
    "synthesize",
    "tocoad.synthesis.stage:synthesize",
    inputs={"manifest": "manifest"},
    params=("seed", "image", "synthesis"),
    scope="category",
)
_FIT_PARAMS = ("seed", "image", "bank", "scoring", "calibration", "compute")
_EVALUATE_PARAMS = ("scoring", "evaluation", "compute")


def _evaluate(detector: str) -> Stage:
    return Stage(
        "evaluate",
        "tocoad.evaluation.stage:evaluate",
        inputs={"manifest": "manifest", "detector": f"{detector}/{DETECTOR_DIR}"},
        params=_EVALUATE_PARAMS,
    )


METHODS: Mapping[MethodName, Method] = {
    "tocoad": Method(
        "tocoad",
        (
            MANIFEST,
            SYNTHESIZE,
            Stage(
                "stage1",
                "tocoad.methods.tocoad.stage1:stage1",
                inputs={"manifest": "manifest", "synthesize": "synthesize"},
                params=("seed", "image", "encoder", "synthesis", "stage1", "compute"),
            ),
            Stage(
                "stage2",
                "tocoad.methods.tocoad.stage2:stage2",
                inputs={"manifest": "manifest", "synthesize": "synthesize", "stage1": "stage1"},
                params=("seed", "image", "encoder", "synthesis", "stage2", "compute"),
            ),
            Stage(
                "fit",
                "tocoad.methods.tocoad.fit:fit",
                inputs={"manifest": "manifest", "stage1": "stage1", "stage2": "stage2"},
                params=("encoder", *_FIT_PARAMS, "fusion"),
            ),
            _evaluate("fit"),
        ),
    ),
    "recontrast": Method(
        "recontrast",
        (
            MANIFEST,
            Stage(
                "train",
                "tocoad.methods.recontrast.train:train",
                inputs={"manifest": "manifest"},
                params=("seed", "image", "encoder", "train", "compute"),
            ),
            Stage(
                "fit",
                "tocoad.methods.recontrast.fit:fit",
                inputs={"manifest": "manifest", "train": "train"},
                params=("seed", "image", "encoder", "train", "scoring", "calibration", "compute"),
            ),
            _evaluate("fit"),
        ),
    ),
    "recontrast_unified": Method(
        "recontrast_unified",
        (
            MANIFEST,
            # It reads the images by itself: their manifests may be of categories that nobody asked for.
            Stage(
                "train_unified",
                "tocoad.methods.recontrast.unified:train_unified",
                params=("seed", "image", "encoder", "split", "unified", "compute"),
                scope="dataset",
            ),
            Stage(
                "fit",
                "tocoad.methods.recontrast.unified:fit_unified",
                inputs={"manifest": "manifest", "train": "train_unified"},
                params=("seed", "image", "encoder", "unified", "scoring", "calibration", "compute"),
            ),
            _evaluate("fit"),
        ),
    ),
    "patchcore": Method(
        "patchcore",
        (
            MANIFEST,
            Stage(
                "fit",
                "tocoad.methods.patchcore.fit:fit",
                inputs={"manifest": "manifest"},
                params=("encoder", *_FIT_PARAMS),
            ),
            _evaluate("fit"),
        ),
    ),
}


_OF_SEVERAL_METHODS = ("fit", "evaluate")


def output_dir(workspace: Workspace, asker: Owner, method: MethodName, stage: Stage) -> Path:
    """`work/<dataset>/<category>/<method>/<stage>`, without the method or the category where they share the output.

    `asker` may be the stage's owner or, of a data set, any of its categories.
    """
    base = workspace.work_dir(stage.owner(asker))
    return base / stage.name if stage.scope == "category" else base / method / stage.name


def manifest_dir(workspace: Workspace, category: Category) -> Path:
    return output_dir(workspace, category, CONTROL, MANIFEST)


def detector_dir(workspace: Workspace, category: Category, method: MethodName) -> Path:
    """The detector package that the method left in the workspace."""
    return output_dir(workspace, category, method, METHODS[method].detector_stage) / DETECTOR_DIR


def evaluation_dir(workspace: Workspace, category: Category, method: MethodName) -> Path:
    return output_dir(workspace, category, method, METHODS[method].stage("evaluate"))


@dataclass(frozen=True)
class Job:
    """One stage of its owner, a category or a data set. `method` is that of the detector it serves; what several
    detectors share is one job, known by its DVC name.
    """

    owner: Owner
    method: MethodName
    stage: Stage

    @property
    def dvc_name(self) -> str:
        """Name in `dvc.yaml`: `stage1@sample/gear`, `train_unified@sample`; a stage that several methods have carries
        its method's name.
        """
        name = f"{self.stage.name}_{self.method}" if self.stage.name in _OF_SEVERAL_METHODS else self.stage.name
        return f"{name}@{self.owner}"

    @property
    def upstream(self) -> tuple[str, ...]:
        """DVC names of the jobs whose output it reads."""
        stages = (METHODS[self.method].stage(name) for name in self.stage.upstream)
        return tuple(Job(stage.owner(self.owner), self.method, stage).dvc_name for stage in stages)

    def output_dir(self, workspace: Workspace) -> Path:
        return output_dir(workspace, self.owner, self.method, self.stage)


def jobs_of(category: Category, method: MethodName) -> tuple[Job, ...]:
    """All that leads to the category's evaluated detector and its control's, every job after those it reads."""
    methods = dict.fromkeys((method, CONTROL))
    return distinct(Job(stage.owner(category), name, stage) for name in methods for stage in METHODS[name].stages)


def distinct(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Every job once, where it comes first."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.dvc_name, job)
    return tuple(first.values())


def to_run(jobs: Iterable[Job], stale: Container[str]) -> tuple[Job, ...]:
    """The stale jobs (by DVC name) and all that depend on them, in the given order."""
    names: set[str] = set()
    for job in jobs:
        if job.dvc_name in stale or names.intersection(job.upstream):
            names.add(job.dvc_name)
    return tuple(job for job in jobs if job.dvc_name in names)
