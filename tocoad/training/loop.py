"""The training loop of every trained stage: fixed budget, last weights, resumable."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tocoad.errors import StageError
from tocoad.parallel.world import current_world
from tocoad.stages.stage import CHECKPOINT_SECONDS, Progress, ProgressCallback
from tocoad.training.checkpoint import TrainingState

Step = Callable[[int], Mapping[str, float]]
"""Does the step of the given number (from 0) and returns its figures; the first is the loss. Not every step need have
the others."""


def train(
    step: Step,
    iterations: int,
    state: TrainingState,
    checkpoint_dir: Path,
    progress: ProgressCallback,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> list[dict[str, float]]:
    """Runs the steps that are left and returns the curves: one row of figures a step.

    Raises:
        StageError: the loss is not finite; training stops there, before weights are written.
    """
    done, curves = state.load(checkpoint_dir)
    leads = current_world().leads
    saved = time.monotonic()
    for number in range(done, iterations):
        figures = dict(step(number))
        for name, value in figures.items():
            if not math.isfinite(value):
                raise StageError(f"{name} is {value} at step {number + 1}: lower the learning rate")
        curves.append({"step": float(number + 1), **figures})
        progress(Progress(number + 1, iterations, figures))
        if leads and time.monotonic() - saved > checkpoint_seconds and number + 1 < iterations:
            state.save(checkpoint_dir, number + 1, curves)
            saved = time.monotonic()
    return curves


def cosine(step: int, iterations: int) -> float:
    """Factor of the learning rate at a step (from 0): 1 at the start, towards 0 at the end."""
    return 0.5 * (1 + math.cos(math.pi * step / iterations))


def save_curves(curves: list[dict[str, float]], file: Path) -> None:
    """One column a figure, for `dvc plots` and the report; without a step a header only.

    A figure that not every step has leaves the other steps' cells empty.
    """
    names = list(dict.fromkeys(name for row in curves for name in row)) or ["step", "loss"]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in curves)
