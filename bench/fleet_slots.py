"""How many of a cluster's places are at work while a fleet of categories is retrained, and what a job costs the driver.

The flow's own way, with Prefect's server and Ray, on stages that only sleep and on a Ray that is told it has 100
processors.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.fleet_sizes import FITTED
from bench.timing import Row
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.sections import RaySettings, Settings
from tocoad.stages.graph import Job, distinct, jobs_of
from tocoad.stages.stage import ProgressCallback, StageRecord

if TYPE_CHECKING:
    from tasks.session import Workshop

FLEETS = tuple(size for size in FITTED if size >= 100)
SLOTS = 100
# On average; between half and one and a half of it, always the same for the same job.
SECONDS = 4.0
BEGAN, ENDED = "began", "ended"


def sleep(
    workspace: Workspace,
    owner: Owner,
    method: str,
    name: str,
    settings: Settings,
    progress: ProgressCallback,
    sources: str | None,
) -> StageRecord:
    """What Ray's workers run for a stage."""
    began = time.time()
    time.sleep(SECONDS * random.Random(f"{owner} {method} {name}").uniform(0.5, 1.5))
    return StageRecord({BEGAN: began, ENDED: time.time()})


def run() -> list[Row]:
    """Rows for fleets of so many categories, each with the stages of ToCoAD and its control."""
    from services.addresses import configure
    from services.prefect.server import prefect_api
    from services.ray.runner import RayStages
    from services.ray.token import guard_token

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        services = configure(workspace)
        with prefect_api(services) as api:
            api.ready()
            guard_token()
            # As the driver does: by this it keeps to loopback.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
            import ray

            ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
            try:
                with RayStages(workspace, RaySettings(), f"{__name__}:sleep") as runner:
                    shop = _workshop(workspace, runner)
                    # Starts the workers' processes.
                    _retrain(shop, SLOTS)
                    return [row for categories in FLEETS for row in _rows(shop, categories)]
            finally:
                ray.shutdown()


def busy_share(jobs: Sequence[Job], spans: dict[str, tuple[float, float]], slots: int) -> float:
    """Of the time that places had work, for a job ran or all that it reads was there, the share in which it ran."""
    first = min(began for began, _ in spans.values())
    changes: list[tuple[float, int, int]] = []
    for job in jobs:
        began, ended = spans[job.dvc_name]
        ready = max((spans[name][1] for name in job.upstream if name in spans), default=first)
        changes += [(ready, 1, 0), (ended, -1, 0), (began, 0, 1), (ended, 0, -1)]
    changes.sort()
    wanted = ran = 0.0
    ready_now = runs_now = 0
    for (at, ready_more, runs_more), (until, *_) in pairwise(changes):
        ready_now, runs_now = ready_now + ready_more, runs_now + runs_more
        wanted += min(ready_now, slots) * (until - at)
        ran += runs_now * (until - at)
    return ran / wanted


def _rows(shop: Workshop, categories: int) -> list[Row]:
    jobs, spans, seconds, cpu = _retrain(shop, categories)
    asleep = sum(ended - began for began, ended in spans.values())
    fleet, share = f"{categories} categories", 100 * busy_share(jobs, spans, SLOTS)
    return [
        Row(f"{fleet}, {len(jobs)} jobs: places at work, of those with work", share, "%"),
        Row(f"{fleet}: the stages' seconds over {SLOTS} places", asleep / SLOTS, "s"),
        Row(f"{fleet}: the whole", seconds, "s", seconds / (asleep / SLOTS)),
        Row(f"{fleet}: the driver's processor time a job", 1000 * cpu / len(jobs), "ms"),
    ]


def _retrain(shop: Workshop, categories: int) -> tuple[Sequence[Job], dict[str, tuple[float, float]], float, float]:
    """The jobs, when each began and ended, and the seconds of the whole by the clock and of this process."""
    from prefect import flow
    from prefect.context import TagsContext

    from tasks.stages import Ran, run_stages
    from tasks.version import Stale

    chosen = [Category("fleet", f"c{number:04}") for number in range(categories)]
    jobs = distinct(job for category in chosen for job in jobs_of(category, "tocoad"))
    stale = Stale({}, {job.dvc_name for job in jobs}, {job.dvc_name: "" for job in jobs}, force=True)
    ran = Ran()

    @flow(name="fleet")
    def fleet() -> None:
        # As the retrain does: for each of a task's tags Prefect asks its server.
        with TagsContext(current_tags=set()):
            run_stages(shop, jobs, stale, ran)

    began, cpu = time.perf_counter(), time.process_time()
    fleet()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if ran.failed:
        raise next(iter(ran.failed.values()))
    spans = {name: (record.metrics[BEGAN], record.metrics[ENDED]) for name, record in ran.done.items()}
    return jobs, cast(dict[str, tuple[float, float]], spans), seconds, cpu


def _workshop(workspace: Workspace, runner: Any) -> Workshop:
    """No registry is asked, and nothing is kept in MLflow."""
    from tasks.session import Workshop

    nobody = cast(Any, None)
    return Workshop(workspace, Settings(), registry=nobody, record=nobody, runner=runner, checker=nobody)
