"""What does a second worker give a training, and how far is what it trains from one worker's?

The profile `default`'s networks and batches on rendered images of 256 x 256, one thread each; writes
docs/results/parallel.md.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.torch import load_file

from bench.machine import machine
from bench.parallel_page import write_page
from bench.parallel_ranks import StepTime, time_steps
from bench.timing import Row
from tocoad.files.workspace import Category, Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import settings_with
from tocoad.settings.sections import Settings
from tocoad.stages.graph import METHODS, output_dir
from tocoad.stages.running import run_stage

STEPS, WORKERS = 7, 2
STAGES = {
    "stage 1": ("tocoad", "stage1"),
    "stage 2": ("tocoad", "stage2"),
    "ReContrast": ("recontrast", "train"),
}
GEAR = Category("sample", "gear")
_ROOT = Path(__file__).parents[1]


def run() -> list[Row]:
    with TemporaryDirectory() as folder:
        workspaces = {workers: Workspace(Path(folder) / str(workers)) for workers in (1, WORKERS)}
        alone, settings = workspaces[1], _settings()
        source = Path(folder) / "rendered"
        render_sample(source, size=256, counts=SampleCounts(train=24, test_good=2, test_defective=2))
        shutil.copytree(source / "gear", alone.data_dir(GEAR))
        for name in ("manifest", "synthesize"):
            run_stage(alone, GEAR, "tocoad", name, settings)
        shutil.copytree(alone.root, workspaces[WORKERS].root)
        stages = list(STAGES.values())
        times = {
            workers: time_steps(workspace, GEAR, stages, settings, workers) for workers, workspace in workspaces.items()
        }
        rows = []
        for number, (name, (method, stage)) in enumerate(STAGES.items()):
            outputs = [output_dir(each, GEAR, method, METHODS[method].stage(stage)) for each in workspaces.values()]
            rows += _rows(name, times[1][number], times[WORKERS][number], *outputs)
    write_page(rows, machine())
    return rows


def _settings() -> Settings:
    """Of ReContrast the steps in which all of it trains; of stage 1 those that draw their samples anew."""
    changes = {
        "stage1": {"iterations": STEPS, "pool": 0},
        "stage2": {"iterations": STEPS},
        "train": {"iterations": STEPS, "warm_up": 0},
        "compute": {"device": "cpu", "threads": 1},
    }
    return settings_with(Workspace(_ROOT), "default", changes)


def _rows(name: str, one: StepTime, several: StepTime, of_one: Path, of_several: Path) -> list[Row]:
    loss, weights = _loss_apart(of_one, of_several), _weights_apart(of_one, of_several)
    return [
        Row(f"{name}: a step, by the clock", one.clock, "s", 1.0),
        Row(f"{name}: a step on {WORKERS} workers, by the clock", several.clock, "s", several.clock / one.clock),
        Row(f"{name}: a step, of the processor", one.processor, "s", 1.0),
        Row(
            f"{name}: a step on {WORKERS} workers, of the busier one's processor",
            several.processor,
            "s",
            several.processor / one.processor,
        ),
        Row(f"{name}: greatest relative difference of the loss in {STEPS} steps", loss, ""),
        Row(f"{name}: difference of all weights by their norm", weights, ""),
    ]


def _loss_apart(one: Path, other: Path) -> float:
    first, second = (
        [float(line.split(",")[1]) for line in (folder / "curves.csv").read_text().splitlines()[1:]]
        for folder in (one, other)
    )
    return max(abs(a - b) / abs(a) for a, b in zip(first, second, strict=True))


def _weights_apart(one: Path, other: Path) -> float:
    apart = norm = 0.0
    for file in sorted(one.glob("*.safetensors")):
        theirs = load_file(other / file.name)
        for name, tensor in load_file(file).items():
            apart += float((tensor.double() - theirs[name].double()).square().sum())
            norm += float(tensor.double().square().sum())
    return math.sqrt(apart / norm)
