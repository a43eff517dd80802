"""Stages of the stand-in, by the name of what they do."""

from __future__ import annotations

from services.ray.runner import RayStages
from tocoad.files.workspace import Category
from tocoad.settings.sections import Settings
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.stage import ProgressCallback, StageRecord, silent

DEFAULTS = Settings()


def job(name: str) -> Job:
    return Job(Category("set", name), "tocoad", METHODS["tocoad"].stage("stage1"))


def run(stages: RayStages, name: str, settings: Settings = DEFAULTS, watch: ProgressCallback = silent) -> StageRecord:
    return stages.submit(job(name), settings, watch).result()
