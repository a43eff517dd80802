"""Detectors of every method as the profile `default` makes them, but for a few steps of training: how good they are is
not asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tocoad.files.workspace import Category, Workspace
from tocoad.sample.render import SampleCounts, render_sample
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import METHODS, detector_dir
from tocoad.stages.running import run_stage

GEAR = Category("sample", "gear")
_LESS = {
    "stage1.iterations": "5",
    "stage1.pool": "16",
    "train.iterations": "5",
    "unified.iterations": "5",
}
_ONE_BANK = {"bank.scales": "[1.0]"}
VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "PatchCore": ("patchcore", _ONE_BANK),
    "PatchCore, re-weighted": ("patchcore", {**_ONE_BANK, "scoring.reweight": "true"}),
    "PatchCore, a bank of a tenth": ("patchcore", {**_ONE_BANK, "bank.coreset_ratio": "0.1"}),
    "ToCoAD, D and two scales": ("tocoad", {}),
    "ReContrast": ("recontrast", {}),
    "ReContrast, one for all": ("recontrast_unified", {}),
}


def detectors(root: Path) -> Iterator[tuple[str, Path]]:
    """Each variant's name and package; `root` is empty, and has the data set afterwards."""
    workspace = Workspace(root)
    render_sample(root / "data" / "sample", counts=SampleCounts())
    project = Path(__file__).parents[1]
    for name, (method, changed) in VARIANTS.items():
        for file in ("params.yaml", "plan.yaml", "dvc.yaml"):
            shutil.copy(project / file, root)
        save_plan(workspace, Plan())
        override(workspace, {**_LESS, **changed}, profile="default")
        names = None if method.endswith("unified") else [GEAR.name]
        plan_categories(workspace, GEAR.dataset, names, method)
        settings = load_params(workspace).settings
        for stage in METHODS[method].stages:
            if stage.name != "evaluate":
                run_stage(workspace, stage.owner(GEAR), method, stage.name, settings)
        yield name, detector_dir(workspace, GEAR, method)


def images_to_judge(root: Path) -> Path:
    """The folder with the data set's test images of the category."""
    return root / "data" / "sample" / GEAR.name / "test"
