"""A workspace of many categories as the stages of a retrain leave it: tiny images, the plan, every stage's output.

The stages run as ever, but what they call writes the files that they declare, a few bytes in each, and learns nothing.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from services.dvc import data, staleness
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.settings.planning import plan_categories
from tocoad.settings.sections import MethodName
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import Job, distinct, jobs_of
from tocoad.stages.running import run_stage
from tocoad.stages.stage import StageContext, StageFunction, StageRecord

PROJECT = Path(__file__).resolve().parents[1]
DATASET = "fleet"
TRAIN, TEST, SIDE = 9, 3, 16


def make_workspace(root: Path, categories: int) -> Workspace:
    """Everything is made, and nothing recorded."""
    workspace = make_dataset(root, categories, {})
    jobs = planned(workspace)
    make_outputs(workspace, jobs, staleness.sources(workspace, [job.dvc_name for job in jobs]))
    return workspace


def make_dataset(root: Path, categories: int, settings: Mapping[str, str]) -> Workspace:
    """The images, under DVC, and the settings."""
    workspace = Workspace(root)
    make_images(workspace, range(categories))
    for name in ("params.yaml", "plan.yaml", "dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    save_plan(workspace, Plan())  # the checkout is a workspace too
    override(workspace, settings, profile="demo")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    data.track_dataset(workspace, DATASET)
    return workspace


def planned(workspace: Workspace, method: MethodName | None = None) -> tuple[Job, ...]:
    """The jobs of all categories, entered in the plan."""
    categories = plan_categories(workspace, DATASET, method=method)
    plan = load_params(workspace).plan
    return distinct(job for category in categories for job in jobs_of(category, plan.method(category)))


def make_images(workspace: Workspace, numbers: Iterable[int]) -> None:
    """For each number a category: grain, seeded by it; one image has a defect, and its mask."""
    for number in numbers:
        rng = np.random.default_rng(number)
        folder = workspace.dataset_dir(DATASET) / f"part{number:04d}"
        parts = {"train/good": TRAIN, "test/good": TEST - 1, "test/scratch": 1}
        for part, count in parts.items():
            (folder / part).mkdir(parents=True)
            for index in range(count):
                grain = rng.integers(0, 256, (SIDE, SIDE), np.uint8)
                Image.fromarray(grain).save(folder / part / f"{index:03d}.png", compress_level=1)
        mask = folder / "ground_truth" / "scratch" / "000_mask.png"
        mask.parent.mkdir(parents=True)
        Image.fromarray(np.eye(SIDE, dtype=np.uint8) * 255).save(mask)


def make_outputs(workspace: Workspace, jobs: Sequence[Job], sources: Mapping[str, str]) -> None:
    """Runs the jobs, given after those they read."""
    settings = load_params(workspace).settings
    # Else each file is synced to the disk: that is a stage's time, and not what is asked here.
    with patch.object(Stage, "load", _writes), patch("os.fsync"):
        for job in jobs:
            run_stage(workspace, job.owner, job.method, job.stage.name, settings, sources=sources[job.dvc_name])


def _writes(stage: Stage) -> StageFunction:
    """In place of `Stage.load`."""

    def write(context: StageContext) -> StageRecord:
        for name in stage.writes:
            target = context.output_dir / name
            for file in (target,) if target.suffix else (target / "0.png", target / "1.png"):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{file.name} of {stage.name} of {context.owner}")
        return StageRecord()

    return write
