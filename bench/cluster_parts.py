"""What a job costs beside its way to a node and back: DVC's commit, the whole command, the images decoded."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from bench.cluster_workspace import DATASET, IMAGES, SOURCES, bytes_below, stage1, without_services
from bench.timing import Row
from tocoad.data.cache import ImageFile, cached_images
from tocoad.data.depth import FULL_DEPTH
from tocoad.files.workspace import Workspace
from tocoad.methods.tocoad.settings import Stage1Settings, TrainingSettings
from tocoad.settings.file import load_params, override
from tocoad.settings.sections import RaySettings, Settings
from tocoad.stages.running import folders_of

_CHAIN = ("manifest", "synthesize", "stage1", "stage2", "fit", "evaluate")
_CAMERA_SIDE, _TURNS = 1024, 3


def work_of(settings: Settings) -> Stage1Settings:
    return settings.of(TrainingSettings).stage1


def whole_command(workspace: Workspace, nodes: Any, store: str, training: float) -> list[Row]:
    """`tocoad retrain` of one category, all that it does beside its chain of stages included: the start of Prefect's
    server, DVC, MLflow, the gate, the report.
    """
    before = load_params(workspace).settings.ray
    override(workspace, {"ray.address": nodes.address, "ray.store": store})
    line = [str(Path(sys.executable).with_name("tocoad")), "retrain", DATASET, "--categories", "a", "--force", "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        line, cwd=workspace.root, env={**without_services(), **nodes.env}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    override(workspace, {"ray.address": before.address or '""'})
    if done.returncode:
        raise RuntimeError(done.stderr)
    stages = json.loads(done.stdout)["categories"]["a"]["seconds"]
    beside = seconds - sum(stages.get(stage, 0.0) for stage in _CHAIN)
    return [
        Row("the whole command on the cluster, one category", seconds, "s"),
        Row("the whole command: beside its chain of stages", beside, "s"),
        Row("computed: that, of 10 minutes of training", 100 * beside / training, "%"),
    ]


def commit_rows(workspace: Workspace) -> list[Row]:
    """Of one job, by a process that has read DVC's files before."""
    from services.dvc import record, staleness

    name = stage1("a").dvc_name
    found = staleness.sources(workspace, [name])
    seconds = _median(lambda: record.commit(workspace, [name], found))
    return [Row("DVC's commit of a job", seconds, "s")]


def copied_locally(workspace: Workspace) -> list[Row]:
    """By a job on a Ray of this machine's: what there is more than its output and the stage's cache of images."""
    from services.ray.runner import RayStages

    job, settings = stage1("b"), load_params(workspace).settings
    folders = folders_of(workspace, job.owner, job.method, job.stage)

    def others() -> int:
        return bytes_below(workspace.root) - bytes_below(folders.output) - bytes_below(folders.cache)

    before = others()
    with RayStages(workspace, RaySettings()) as runner:
        runner.submit(job, settings, sources=SOURCES).result()
        began = time.perf_counter()
        ran = runner.submit(job, settings, sources=SOURCES).result()
        seconds = time.perf_counter() - began
    return [
        Row("a local Ray: bytes that a job copies", float(others() - before), "B"),
        Row("a local Ray: orchestration", seconds - ran.seconds, "s"),
    ]


def decoding_rows(root: Path) -> list[Row]:
    """The first job of a category on a node finds nothing decoded there; the others do."""
    images = sorted((root / "workspace" / "data" / DATASET / "a" / "train" / "good").glob("*.png"))
    return [row for side in (256, _CAMERA_SIDE) for row in _decoding(images, side, root / f"side{side}")]


def _decoding(images: Sequence[Path], side: int, folder: Path) -> list[Row]:
    folder.mkdir()
    for image in images:
        with Image.open(image) as opened:
            opened.resize((side, side)).save(folder / image.name)
    files = [ImageFile(file, file.name, FULL_DEPTH) for file in sorted(folder.glob("*.png"))]
    caches = [folder / f"cache{turn}" for turn in range(_TURNS)]
    anew = iter(caches)
    seconds = _median(lambda: cached_images(files, Settings(), next(anew)))
    kept = _median(lambda: cached_images(files, Settings(), caches[0]))
    case = f"{IMAGES} images of {side} x {side}"
    return [Row(f"{case}: decoded and resized", seconds, "s"), Row(f"{case}: from the cache", kept, "s")]


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_TURNS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
