"""What does HTTP cost: requests a second and their times on loopback, beside the detector alone?

PatchCore of the profile `default` on the rendered gears, at 256 px. The detector alone reads, decodes and scores the
same files in a process of its own. The two take turns, and so do the numbers of callers; each caller has one connection
and asks again as soon as it is answered. Callers run on the machine that serves, and take a part of it.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from bench.timing import Row
from tocoad.files.workspace import Category, Workspace
from tocoad.sample import render_sample
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.stages.graph import detector_dir
from tocoad.stages.running import run_stage

CALLERS = (1, 2, 8, 32)
ROUNDS, SECONDS = 3, 5.0
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_GEAR = Category("sample", "gear")
_READY = "ready at "
LOAD = "others on the machine, before it began"
_ALONE = """
import sys, time
from pathlib import Path
from tocoad.package.detector import load_detector
from tocoad.predict.files import find_images, predict_files
detector, threads, seconds = load_detector(Path(sys.argv[1])), int(sys.argv[3]), float(sys.argv[4])
images = find_images([Path(sys.argv[2])]).images
list(predict_files(detector, images[:8], threads=threads))
done, begin, worked = 0, time.perf_counter(), time.process_time()
while (spent := time.perf_counter() - begin) < seconds:
    done += len(list(predict_files(detector, images[:24], threads=threads)))
print(done / spent, (time.process_time() - worked) / done)
"""


def run() -> list[Row]:
    load = Row(LOAD, os.getloadavg()[0], "processes")
    with tempfile.TemporaryDirectory(prefix="tocoad-bench-") as scratch:
        package, images = _fitted(Path(scratch))
        files = [file.read_bytes() for file in sorted(images.glob("*.png"))]
        alone = {threads: Measured() for threads in (1, THREADS)}
        served: dict[str, Measured] = {}
        with _server(package) as (address, server):
            _ask(address, files, 2, 1.0, "")
            for _ in range(ROUNDS):
                for threads, measured in alone.items():
                    _alone(package, images, threads, measured)
                for callers, query in (*((callers, "") for callers in CALLERS), (THREADS, "?map=overlay")):
                    name = f"{callers} callers{', with the overlay' if query else ''}"
                    measured = served.setdefault(name, Measured())
                    before = _worked(server)
                    took, spent = _ask(address, files, callers, SECONDS, query)
                    measured.rates.append(len(took) / spent)
                    measured.worked.append((_worked(server) - before) / len(took))
                    measured.times += took
    rows = [load, *_rows(alone, served)]
    from bench.serve_page import write_page

    write_page(rows)
    return rows


@dataclass
class Measured:
    """Of each turn images a second, and processor seconds an image; and the seconds of each answer."""

    rates: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def work(self) -> float:
        return statistics.median(self.worked)


def _rows(alone: dict[int, Measured], served: dict[str, Measured]) -> list[Row]:
    rows = []
    for threads, measured in alone.items():
        name = f"the detector alone, {threads} threads"
        rows += [Row(name, measured.rate, "images/s"), Row(f"{name}: processor", measured.work * 1000, "ms")]
    for name, measured in served.items():
        beside = alone[1 if name == "1 callers" else THREADS]
        rows.append(Row(name, measured.rate, "requests/s", measured.rate / beside.rate))
        rows.append(Row(f"{name}: processor", measured.work * 1000, "ms", measured.work / beside.work))
        for share in (50, 95, 99):
            rows.append(Row(f"{name}: p{share}", float(np.percentile(measured.times, share)) * 1000, "ms"))
    return rows


def _fitted(root: Path) -> tuple[Path, Path]:
    """A package, and the folder of the images that it is asked for."""
    workspace = Workspace(root / "workspace")
    workspace.root.mkdir()
    shutil.copy(Path(__file__).parents[1] / "params.yaml", workspace.root)
    render_sample(root / "rendered")
    shutil.copytree(root / "rendered" / _GEAR.name, workspace.data_dir(_GEAR))
    save_plan(workspace, Plan())
    override(workspace, {}, profile="default")
    settings = load_params(workspace).settings
    for stage in ("manifest", "fit"):
        run_stage(workspace, _GEAR, "patchcore", stage, settings)
    return detector_dir(workspace, _GEAR, "patchcore"), workspace.data_dir(_GEAR) / "train" / "good"


def _alone(package: Path, images: Path, threads: int, measured: Measured) -> None:
    command = [sys.executable, "-c", _ALONE, str(package), str(images), str(threads), str(SECONDS)]
    rate, worked = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    measured.rates.append(float(rate))
    measured.worked.append(float(worked))


def _worked(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _server(package: Path) -> Iterator[tuple[str, psutil.Process]]:
    tocoad = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())"]
    command = [*tocoad, "serve", str(package), "--port", "0", "--threads", str(THREADS)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = next((line for line in process.stderr if line.startswith(_READY)), "")
        yield line.removeprefix(_READY).strip(), psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def _ask(address: str, files: Sequence[bytes], callers: int, seconds: float, query: str) -> tuple[list[float], float]:
    """Seconds of each answer, and of all together."""
    place = urlsplit(address)
    path = f"/v1/predict/{_GEAR.model_name}{query}"
    took: list[float] = []
    begin = time.perf_counter()

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection(str(place.hostname), place.port)
        number = first
        while (start := time.perf_counter()) - begin < seconds:
            connection.request("POST", path, files[number % len(files)])
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.status}")
            took.append(time.perf_counter() - start)
            number += 1

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(ask, range(callers)))  # which raises what one of them met
    return took, time.perf_counter() - begin
