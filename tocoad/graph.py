"""The stage graph: which stages make up a method, and what each reads.

`dvc.yaml` writes the same graph down for DVC; a test holds the two together.
"""

from __future__ import annotations

import importlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from tocoad.config import CONTROL, MethodName
from tocoad.stage import StageError, StageFunction
from tocoad.workspace import Category, Workspace

DETECTOR_DIR = "detector"


@dataclass(frozen=True)
class Stage:
    """One node. `inputs` maps the name that the function uses to the stage whose output it reads: `stage`, or
    `stage/folder` where it reads a folder of that output.

    `params` are the sections whose change makes the stage stale. `shared` stages serve every method of a category.
    """

    name: str
    function: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    shared: bool = False

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

    @property
    def detector_stage(self) -> Stage:
        return self.stage(self.stages[-1].inputs["detector"].partition("/")[0])


MANIFEST = Stage("manifest", "tocoad.data.stage:manifest", params=("split",), shared=True)
SYNTHESIZE = Stage(
    "synthesize",
    "tocoad.synthesis.stage:synthesize",
    inputs={"manifest": "manifest"},
    params=("seed", "image", "synthesis"),
    shared=True,
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


def output_dir(workspace: Workspace, category: Category, method: MethodName, stage: Stage) -> Path:
    """`work/<dataset>/<category>/<method>/<stage>`; a stage that serves every method has no method in its path."""
    base = workspace.work_dir(category)
    return base / stage.name if stage.shared else base / method / stage.name


def manifest_dir(workspace: Workspace, category: Category) -> Path:
    return output_dir(workspace, category, CONTROL, MANIFEST)


def detector_dir(workspace: Workspace, category: Category, method: MethodName) -> Path:
    """The detector package that the method left in the workspace."""
    return output_dir(workspace, category, method, METHODS[method].detector_stage) / DETECTOR_DIR


def evaluation_dir(workspace: Workspace, category: Category, method: MethodName) -> Path:
    return output_dir(workspace, category, method, METHODS[method].stage("evaluate"))


@dataclass(frozen=True)
class Job:
    """One stage of one category. `method` is that of the detector it serves; shared stages are done once."""

    category: Category
    method: MethodName
    stage: Stage

    @property
    def dvc_name(self) -> str:
        """Name in `dvc.yaml`: `stage1@sample/gear`; a stage that several methods have carries its method's name."""
        name = f"{self.stage.name}_{self.method}" if self.stage.name in _OF_SEVERAL_METHODS else self.stage.name
        return f"{name}@{self.category}"

    @property
    def upstream(self) -> tuple[str, ...]:
        """DVC names of the jobs whose output it reads."""
        method = METHODS[self.method]
        return tuple(Job(self.category, self.method, method.stage(name)).dvc_name for name in self.stage.upstream)

    def output_dir(self, workspace: Workspace) -> Path:
        return output_dir(workspace, self.category, self.method, self.stage)


def jobs_of(category: Category, method: MethodName) -> tuple[Job, ...]:
    """All that leads to the category's evaluated detector and its control's, every job after those it reads."""
    jobs = [Job(category, name, stage) for name in dict.fromkeys((method, CONTROL)) for stage in METHODS[name].stages]
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
