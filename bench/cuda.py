"""What do ToCoAD's two stages and ReContrast take of a GPU, and does a processor score as their detectors do there?

A rendered category of 200 training images, the profile `default` with its encoder, and with ResNet-50 v2 of random
weights, which cost what trained ones cost, as studies/tocoad.yaml sets it. Stage 2, which the profile leaves out, has
400 steps. Each stage is a process of its own, as on a cluster. Seconds are the clock's, without the start of Python.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from bench.cuda_parts import Taken, run_apart
from bench.fleet_workspace import PROJECT
from bench.timing import Row
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
from tocoad.files.workspace import Category, Workspace
from tocoad.package.detector import load_detector
from tocoad.sample.render import SampleCounts, render_sample
from tocoad.settings.file import override, save_plan
from tocoad.settings.plan import Plan
from tocoad.settings.sections import ComputeSettings, MethodName, Settings
from tocoad.stages.graph import METHODS, detector_dir

GEAR = Category("sample", "gear")
_COUNTS = SampleCounts(train=200)
_METHODS: tuple[MethodName, ...] = ("tocoad", "recontrast")
_TIMED = ("stage1", "stage2", "train", "fit", "evaluate")  # those before them use no network
_STEPS = "400"
_ENCODERS: Mapping[str, Mapping[str, str]] = {
    "EfficientNet-Lite0": {},
    "ResNet-50 v2": {
        "encoder.name": "resnetv2_50_gluon",
        "encoder.weights": "none",
        "stage1.iterations": _STEPS,
        "stage1.pool": _STEPS,
        "stage2.contrast_layers": "[2, 3]",
        "stage2.batch_size": "4",
    },
}


def run() -> list[Row]:
    if not torch.cuda.is_available():
        print("  left out, and nothing kept: torch sees no GPU here; ask on a machine with one", flush=True)
        return []
    return measure("cuda", torch.cuda.get_device_name())


def measure(device: str, name: str, settings: Mapping[str, str] | None = None) -> list[Row]:
    """Of `device`, which the rows call `name`; `settings` go over those of the question."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = _workspace(Path(folder))
        for encoder, own in _ENCODERS.items():
            chosen = {"compute.device": device, "stage2.iterations": _STEPS, **own, **(settings or {})}
            sections = override(workspace, chosen, profile="default").settings
            for method in _METHODS:
                case = f"{name}, {encoder}"
                for stage in METHODS[method].stages:
                    taken = run_apart(workspace, GEAR, method, stage.name, sections)
                    if stage.name in _TIMED:
                        rows += _rows(f"{case}: {method}'s {stage.name}", taken)
                rows += _beside_a_processor(f"{case}: {method}'s detector on a processor", workspace, method, sections)
    return rows


def _rows(case: str, taken: Taken) -> list[Row]:
    rows = [Row(case, taken.seconds, "s"), Row(f"{case}: greatest resident set", taken.resident / 2**20, "MiB")]
    if taken.gpu is not None:
        rows.append(Row(f"{case}: greatest memory of the GPU", taken.gpu / 2**20, "MiB"))
    return rows


def _beside_a_processor(case: str, workspace: Workspace, method: MethodName, settings: Settings) -> list[Row]:
    files = sorted(workspace.data_dir(GEAR).glob("test/*/*.png"))
    images = load_images(files, settings.image.size, FULL_DEPTH, settings.compute.threads)
    folder = detector_dir(workspace, GEAR, method)
    there = load_detector(folder, settings.compute).predict(images)
    here = load_detector(folder, ComputeSettings(device="cpu")).predict(images)
    difference = np.abs(there.pred_score - here.pred_score).max() / np.abs(here.pred_score).max()
    return [
        Row(f"{case}: greatest difference of a score, of the greatest score", 100 * float(difference), "%"),
        Row(f"{case}: other labels of {len(files)}", float((there.pred_label != here.pred_label).sum()), ""),
    ]


def _workspace(root: Path) -> Workspace:
    (root / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    workspace = Workspace(root)
    save_plan(workspace, Plan())
    render_sample(workspace.data_dir(GEAR).parent, counts=_COUNTS)
    return workspace
