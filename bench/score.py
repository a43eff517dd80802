"""How fast is `tocoad score` beside the bare detector, and what memory do a million images take?

On real images of bottles: TOCOAD_SCORE_IMAGES=FOLDER names that of MVTec AD, with `bottle`. PatchCore is fitted to its
good images with the profile `default`; its images, copied until there are enough, are scored in each way by turns.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bench.score_memory import memory_rows
from bench.timing import Row
from tocoad.data.images import load_images
from tocoad.data.listing import list_images
from tocoad.files.workspace import Category, Workspace
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.predict.files import find_images, predict_files
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.stages.graph import detector_dir
from tocoad.stages.running import run_stage

IMAGES, TURNS = 128, 2
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BARE, FILES, FOLDER, BUCKET = (
    "the bare detector, images decoded in memory",
    "the bare detector, from files",
    "score, a folder",
    "score, a bucket on loopback",
)
START = "score, until Ray's workers have the detector"
CLOCK, PROCESSOR = "images/s", "ms of processor"

Ways = Mapping[str, Callable[[int], object]]


def run() -> list[Row]:
    source = os.environ.get("TOCOAD_SCORE_IMAGES")
    if source is None:
        return []
    with tempfile.TemporaryDirectory(prefix="tocoad-bench-") as scratch:
        root = Path(scratch)
        rows = _speed(root, _fitted(root / "workspace", Path(source) / "bottle"), _many(root / "images", Path(source)))
    rows += memory_rows()
    from bench.score_page import write_page

    write_page(rows)
    return rows


def _fitted(root: Path, bottle: Path) -> Path:
    """The package's folder."""
    workspace, category = Workspace(root), Category("line", "bottle")
    shutil.copytree(bottle / "train", workspace.data_dir(category) / "train")
    shutil.copy(Path(__file__).parents[1] / "params.yaml", root)
    save_plan(workspace, Plan())
    override(workspace, {}, profile="default")
    for stage in ("manifest", "fit"):
        run_stage(workspace, category, "patchcore", stage, load_params(workspace).settings)
    return detector_dir(workspace, category, "patchcore")


def _many(folder: Path, source: Path) -> Path:
    """As a line writes them: a folder for each hour."""
    files = list_images(source / "bottle" / "test").images
    for number in range(IMAGES):
        place = folder / f"{number // 100:02d}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(files[number % len(files)], place / f"{number:05d}.png")
    return folder


def _speed(root: Path, package: Path, images: Path) -> list[Row]:
    spent: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with _ways(root, package, images) as ways:
        for turn in range(TURNS + 1):  # the first one warms up
            for way, work in ways.items():
                begin, before = time.perf_counter(), _processor_seconds()
                work(turn)
                spent[way].append((time.perf_counter() - begin, _processor_seconds() - before))
    (start, _), *_ = spent[FOLDER]
    found = {
        way: [statistics.median(column) / IMAGES for column in zip(*turns[1:], strict=True)]
        for way, turns in spent.items()
    }
    rows = [Row(f"{way}: {CLOCK}", 1 / clock, CLOCK, found[FILES][0] / clock) for way, (clock, _) in found.items()]
    rows += [
        Row(f"{way}: {PROCESSOR}", 1000 * processor, PROCESSOR, processor / found[FILES][1])
        for way, (_, processor) in found.items()
    ]
    return [*rows, Row(START, start - found[FOLDER][0] * IMAGES, "s")]


@contextmanager
def _ways(root: Path, package: Path, images: Path) -> Iterator[Ways]:
    from services.addresses import configure
    from services.ray.runner import RayStages
    from services.scoring.batch import batch
    from services.scoring.running import Scorer
    from services.scoring.source import open_source
    from services.scoring.table import write_table
    from tests.helpers.s3_servers import rclone_s3

    workspace = Workspace(root / "workspace")
    configure(workspace)
    settings, digest = load_params(workspace).settings, package_sha256(package)
    detector, found = load_detector(package), find_images([images]).images
    decoded = load_images([one.file for one in found], detector.image_size, detector.card.depth)

    def scored(place: str, out: Path) -> None:
        with batch(out, open_source(place), "bench", digest) as begun:
            Scorer(runner, begun, package, settings, lambda _: None).run()
            assert write_table(out, begun.table(), {}).errors == 0

    with rclone_s3(root / "buckets") as server, RayStages(workspace, settings.ray) as runner:
        assert server.folder is not None
        shutil.copytree(images, server.folder / "line")
        os.environ.update(server.env)
        bucket = f"{server.url.rpartition('/')[0]}/line"
        yield {
            BARE: lambda turn: detector.predict_on(CORES, decoded),
            FILES: lambda turn: list(predict_files(detector, found, threads=CORES)),
            FOLDER: lambda turn: scored(str(images), root / f"folder-{turn}.parquet"),
            BUCKET: lambda turn: scored(bucket, root / f"bucket-{turn}.parquet"),
        }


def _processor_seconds() -> float:
    """Of this process and all that it has started, but for the server of the bucket."""
    own, total = psutil.Process(), 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            if process.name() != "rclone":
                spent = process.cpu_times()
                total += spent.user + spent.system
    return total
