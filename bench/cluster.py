"""What does it cost to run jobs on a cluster whose nodes share nothing?

ToCoAD's stage 1 of the profile `default`, over 200 rendered images of 256 x 256, on a Ray of a head and two nodes of
one CPU each, all on this machine, and an S3 server of rclone's. *Orchestration* is what passes by the clock from a
job's submission to its output at home, and is not the stage's own: hand-over, what it reads into the store and out of
it, links, what it makes into the store and home. DVC's commit comes on top. TOCOAD_CLUSTER_STEPS, by default 1400, are
the steps of the longest job: about two minutes where nothing else runs; TOCOAD_CLUSTER_TURNS, by default 3, are of how
many turns the others are the medians.
"""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.cluster_page import write_page
from bench.cluster_parts import commit_rows, copied_locally, decoding_rows, whole_command, work_of
from bench.cluster_workspace import NAMES, SOURCES, make_workspace, stage1
from bench.timing import Row
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.sections import RaySettings, Settings, StageSettings
from tocoad.stages.graph import Job
from tocoad.stages.running import run_stage
from tocoad.stages.stage import StageRecord

STEPS = int(os.environ.get("TOCOAD_CLUSTER_STEPS", "1400"))
LENGTHS = (STEPS // 20, STEPS // 5, STEPS)
TURNS = int(os.environ.get("TOCOAD_CLUSTER_TURNS", "3"))
LONG_TRAINING = 600.0
# What is not training is not to be long.
_SMALL = {"synthesis.validation_count": "8", "evaluation.overlays": "1", "evaluation.bootstrap": "50"}
_ONE = "one"  # a resource that the first node alone has


@dataclass(frozen=True)
class Ran:
    """`seconds` by the clock of the whole; bytes that its node fetched for it, and put."""

    seconds: float
    record: StageRecord
    fetched: int
    put: int

    @property
    def orchestration(self) -> float:
        return self.seconds - self.record.seconds


class Heard(logging.Handler):
    """What the carrier says of each job: its name, node, and bytes."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.bytes: dict[str, tuple[int, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        name, _, fetched, put = cast(tuple[str, str, int, int], record.args)
        self.bytes[name] = fetched, put


class Cluster:
    """Sessions of a driver on the cluster; the first job of a session starts its workers' processes."""

    def __init__(self, workspace: Workspace, address: str, store: str) -> None:
        self.workspace, self._heard = workspace, Heard()
        self._settings = load_params(workspace).settings
        self._ray = RaySettings(address=address, store=store)
        carrier = logging.getLogger("services.ray.carrier")
        carrier.setLevel(logging.DEBUG)
        carrier.addHandler(self._heard)

    @contextmanager
    def session(self, nodes: int) -> Iterator[Any]:
        from services.ray.runner import RayStages
        from services.shared_store import shared_store

        asked = StageSettings() if nodes == 2 else StageSettings(resources={_ONE: 1})
        ray = self._ray.model_copy(update={"stages": {"stage1": asked}})
        with RayStages(self.workspace, ray, store=shared_store(self.workspace, ray)) as runner:
            yield runner

    def settings(self, steps: int, seed: int = 0) -> Settings:
        """Another seed gives another output, of as much work."""
        own = self._settings.model_copy(update={"seed": seed})
        return own.model_copy(update={"stage1": work_of(own).model_copy(update={"iterations": steps})})

    def run(self, runner: Any, job: Job, settings: Settings) -> Ran:
        began = time.perf_counter()
        record = runner.submit(job, settings, sources=SOURCES).result()
        seconds = time.perf_counter() - began
        return Ran(seconds, record, *self._heard.bytes[job.dvc_name])

    def together(self, runner: Any, settings: Settings) -> float:
        """Seconds by the clock of a job of each category, submitted at once."""
        began = time.perf_counter()
        for future in [runner.submit(stage1(name), settings, sources=SOURCES) for name in NAMES]:
            future.result()
        return time.perf_counter() - began


def run() -> list[Row]:
    from tests.helpers.ray_cluster import Machine, ray_cluster
    from tests.helpers.s3_servers import rclone_s3

    with tempfile.TemporaryDirectory() as name, rclone_s3(Path(name) / "buckets") as server:
        os.environ |= server.env
        workspace = make_workspace(Path(name) / "workspace", {"stage1.iterations": str(LENGTHS[0]), **_SMALL})
        machines = Machine("a", resources={_ONE: 4}), Machine("b")
        with ray_cluster(*machines, env=server.env) as nodes:
            with nodes.driving():
                cluster = Cluster(workspace, nodes.address, f"{server.url}/jobs")
                rows = [*_lengths(cluster), *_side_by_side(cluster)]
            # Settings of the whole command lie in the workspace.
            rows += whole_command(workspace, nodes, f"{server.url}/jobs", LONG_TRAINING)
        rows += [*commit_rows(workspace), *copied_locally(workspace), *decoding_rows(Path(name))]
    write_page(rows, TURNS)
    return rows


def _lengths(cluster: Cluster) -> list[Row]:
    rows, costs = [], []
    _plain(cluster, cluster.settings(1))  # compiles, and fills the cache of images
    with cluster.session(nodes=1) as runner:
        first = cluster.run(runner, stage1("a"), cluster.settings(LENGTHS[0], seed=99))
        rows += [
            Row("a job, node cache empty: fetched", first.fetched / 1e6, "MB"),
            Row("a job, node cache empty: put", first.put / 1e6, "MB"),
            Row("a job, the first of a worker's process: orchestration", first.orchestration, "s"),
        ]
        for steps in LENGTHS:
            turns = 1 if steps == LENGTHS[-1] else TURNS
            ran = [cluster.run(runner, stage1("a"), cluster.settings(steps, seed)) for seed in range(turns)]
            costs += [one.orchestration for one in ran]
            rows += _of_a_length(cluster, steps, ran)
    rows += [
        Row("a job, node cache warm: fetched", ran[-1].fetched / 1e6, "MB"),
        Row("a job, node cache warm: put", ran[-1].put / 1e6, "MB"),
    ]
    cost = statistics.median(costs)
    rows.append(Row("a job: orchestration, median of all", cost, "s"))
    return [*rows, Row("computed: that median, of 10 minutes of training", 100 * cost / LONG_TRAINING, "%")]


def _of_a_length(cluster: Cluster, steps: int, ran: Sequence[Ran]) -> list[Row]:
    """Beside the same job in this process."""
    began = time.perf_counter()
    plain = _plain(cluster, cluster.settings(steps))
    bare = time.perf_counter() - began
    whole = statistics.median(one.seconds for one in ran)
    cost = statistics.median(one.orchestration for one in ran)
    own = statistics.median(one.record.seconds for one in ran)
    return [
        Row(f"{steps} steps: in this process", bare, "s", 1.0),
        Row(f"{steps} steps: on the cluster", whole, "s", whole / bare),
        Row(f"{steps} steps: processor seconds on the cluster, of those in this process", _cpu(ran, plain), "%"),
        Row(f"{steps} steps: orchestration", cost, "s"),
        Row(f"{steps} steps: orchestration, of the stage's seconds", 100 * cost / own, "%"),
    ]


def _plain(cluster: Cluster, settings: Settings) -> StageRecord:
    job = stage1("a")
    return run_stage(cluster.workspace, job.owner, job.method, job.stage.name, settings, sources=SOURCES)


def _cpu(ran: Sequence[Ran], plain: StageRecord) -> float:
    there = statistics.median(one.record.cpu_seconds or 0.0 for one in ran)
    return 100 * there / (plain.cpu_seconds or float("nan"))


def _side_by_side(cluster: Cluster) -> list[Row]:
    """Turn by turn, so that what else the machine does falls on both."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(TURNS):
        for nodes, found in seconds.items():
            with cluster.session(nodes) as runner:
                cluster.together(runner, cluster.settings(1, seed=turn))  # starts the workers' processes
                found.append(cluster.together(runner, cluster.settings(LENGTHS[1], seed=100 + turn)))
    one, two = (statistics.median(found) for found in seconds.values())
    case = f"4 equal jobs of {LENGTHS[1]} steps"
    return [Row(f"{case}: on 1 worker", one, "s"), Row(f"{case}: on 2 workers, times as fast", two, "s", one / two)]
