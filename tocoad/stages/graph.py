"""The stage graph: which stages make up a method, where each leaves its output, and the jobs that lead to a detector.

`dvc.yaml` is the same graph for DVC: `tocoad.stages.dvc_file` writes it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.methods import declared_methods
from tocoad.settings.sections import CONTROL, MethodName
from tocoad.stages.declaration import Method, Stage
from tocoad.stages.shared import DETECTOR_DIR, MANIFEST

METHODS = cast("Mapping[MethodName, Method]", declared_methods())
"""What `tocoad.methods.table` names, in its order."""

CACHE_DIR = ".cache"

OF_SEVERAL_METHODS = ("fit", "evaluate")
"""Stages that bear their method's name in `dvc.yaml`."""


def output_dir(workspace: Workspace, asker: Owner, method: MethodName, stage: Stage) -> Path:
    """`work/<dataset>/<category>/<method>/<stage>`, without the method or the category where they share the output.

    `asker` may be the stage's owner or, of a data set, any of its categories.
    """
    base = workspace.work_dir(stage.owner(asker))
    return base / stage.name if stage.scope == "category" else base / method / stage.name


def input_dirs(workspace: Workspace, asker: Owner, method: Method, stage: Stage) -> dict[str, Path]:
    """The folders that the stage reads, by the names that its function uses."""
    return {
        role: output_dir(workspace, asker, method.name, method.stage(source.stage)) / source.folder
        for role, source in stage.inputs.items()
    }


def cache_dir(workspace: Workspace, asker: Owner, method: MethodName, stage: Stage) -> Path:
    """What all stages of a category keep for each other, or those of a method for a data set; it may be lost."""
    base = workspace.work_dir(stage.owner(asker))
    return (base / method if stage.scope == "dataset" else base) / CACHE_DIR


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
        name = f"{self.stage.name}_{self.method}" if self.stage.name in OF_SEVERAL_METHODS else self.stage.name
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
