"""Trainings shared by so many processes on this machine: what each of their steps took."""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import distributed

from tocoad.files.workspace import Category, Workspace
from tocoad.parallel.world import World, within
from tocoad.settings.sections import Settings
from tocoad.stages.running import run_stage
from tocoad.stages.stage import Progress

# The first steps load kernels and fill caches.
_WARM_UP = 1


@dataclass(frozen=True)
class StepTime:
    """Medians of the later steps: by the clock, of the leading worker, and the processor's, of the busiest worker."""

    clock: float
    processor: float


def time_steps(
    workspace: Workspace, category: Category, stages: Sequence[tuple[str, str]], settings: Settings, workers: int
) -> list[StepTime]:
    """Of stages by method and name, one after the other; their outputs are left in the workspace."""
    arguments = (workspace.root, category, stages, settings.model_dump_json())
    with TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        ranks = [
            context.Process(target=_rank, args=(rank, workers, Path(folder), *arguments)) for rank in range(workers)
        ]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join()
            if rank.exitcode:
                raise RuntimeError(f"one of {workers} workers ended with {rank.exitcode}")
        of_ranks = [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(workers)]
    return [
        StepTime(
            clock=statistics.median(times[0]["clock"]),
            processor=max(statistics.median(rank["processor"]) for rank in times),
        )
        for times in zip(*of_ranks, strict=True)
    ]


def _rank(
    rank: int,
    size: int,
    folder: Path,
    root: Path,
    category: Category,
    stages: Sequence[tuple[str, str]],
    settings: str,
) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    with within(World(rank, size)):
        times = [_time(root, category, *stage, Settings.model_validate_json(settings)) for stage in stages]
    (folder / f"{rank}.json").write_text(json.dumps(times))
    distributed.barrier()
    distributed.destroy_process_group()


def _time(root: Path, category: Category, method: str, stage: str, settings: Settings) -> dict[str, list[float]]:
    clock: list[float] = []
    processor: list[float] = []

    def watch(progress: Progress) -> None:
        if progress.metrics:
            clock.append(time.perf_counter())
            processor.append(time.process_time())

    run_stage(Workspace(root), category, method, stage, settings, watch)
    return {"clock": _between(clock), "processor": _between(processor)}


def _between(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in zip(times[_WARM_UP:], times[_WARM_UP + 1 :], strict=False)]
