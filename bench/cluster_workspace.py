"""A workspace whose stages' jobs are alike: categories of the same images, under DVC, ready for stage 1."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.fleet_workspace import PROJECT
from services.dvc import data
from tocoad.files.workspace import Category, Workspace
from tocoad.sample.render import SampleCounts, render_sample
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.running import run_stage

DATASET, IMAGES = "parts", 200
NAMES = ("a", "b", "c", "d")
_COUNTS = SampleCounts(train=IMAGES, test_good=4, test_defective=4)
_BEFORE = ("manifest", "synthesize")
SOURCES = "what the bench says of them"


def make_workspace(root: Path, settings: Mapping[str, str]) -> Workspace:
    """Profile `default` with these settings over it; stage 1 can run of each of the categories."""
    workspace = Workspace(root)
    rendered = root / "rendered"
    render_sample(rendered, counts=_COUNTS)
    for name in NAMES:
        shutil.copytree(rendered / "gear", workspace.data_dir(Category(DATASET, name)))
    shutil.rmtree(rendered)
    for file in ("params.yaml", "plan.yaml", "dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / file, root)
    save_plan(workspace, Plan())
    override(workspace, settings, profile="default")
    plan_categories(workspace, DATASET, list(NAMES), "tocoad")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    data.track_dataset(workspace, DATASET)
    for name in NAMES:
        for stage in _BEFORE:
            run_stage(workspace, Category(DATASET, name), "tocoad", stage, load_params(workspace).settings)
    return workspace


def stage1(name: str) -> Job:
    return Job(Category(DATASET, name), "tocoad", METHODS["tocoad"].stage("stage1"))


def bytes_below(folder: Path) -> int:
    """Of all files; what has several names counts once."""
    found = (file.lstat() for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in found}.values())


def without_services() -> dict[str, str]:
    """The environment without the addresses of services."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
