"""The stages of a retrain, each when what it reads is there: a task run of its own for each, and no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import AsyncClientContext

from services.aside import run_aside
from services.ray.tries import Tries
from services.watching import Ended, Moved, Planned, tell
from tasks.session import Workshop
from tasks.version import Stale
from tocoad.stages.deciding import Decisions
from tocoad.stages.graph import Job
from tocoad.stages.order import run_in_order, urgency
from tocoad.stages.resources import mixed
from tocoad.stages.stage import Progress, StageRecord


@dataclass
class Ran:
    """What became of jobs, by DVC name; filled in as they end. Of those that are in none, one that they read failed, or
    all was ended before.

    `unchanged`: what they read came out as it was, or their output is what they would make now.
    """

    done: dict[str, StageRecord] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    failed: dict[str, Exception] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        told = ((name, mixed(record.processors)) for name, record in self.done.items())
        return [f"{name} was {how}" for name, how in told if how is not None]


def run_stages(shop: Workshop, jobs: Sequence[Job], stale: Stale, ran: Ran) -> None:
    """Runs those of the jobs, given after those they read, that are stale or read what has changed; one that fails
    stops only what reads from it. Returns when all have ended, also if it is interrupted.
    """
    decisions = Decisions(shop.workspace, jobs, stale.names, stale.sources, stale.force)
    tell(Planned(len(jobs)))
    hurry = urgency(shop.workspace, jobs)

    async def run(job: Job) -> bool:
        name = job.dvc_name

        def submit() -> Future[StageRecord]:
            return shop.runner.submit(
                job, shop.settings, lambda step: _tell(shop, job, step), stale.sources[name], hurry[name]
            )

        tries = Tries(shop.settings.flow, shop.settings.ray)
        step = stage.with_options(
            name=job.stage.name,
            task_run_name=name,
            retries=tries.most,
            retry_delay_seconds=shop.settings.flow.retry_delay_seconds,
            retry_condition_fn=partial(_again, tries),
        )
        try:
            # It reads whole files.
            if not await asyncio.to_thread(decisions.begin, job):
                ran.unchanged.add(name)
                tell(Ended(name, "unchanged"))
                return True
            ran.done[name] = await step(submit)
        except Exception as error:
            ran.failed[name] = error
            tell(Ended(name, "failed"))
            return False
        tell(Ended(name, "done"))
        return True

    async def run_all() -> None:
        # One client for all: each task would make its own.
        async with AsyncClientContext():
            await run_in_order(jobs, run, left_out=lambda job: tell(Ended(job.dvc_name, "left out")))

    run_aside(run_all())


@task(cache_policy=NO_CACHE)
async def stage(submit: Callable[[], Future[StageRecord]]) -> StageRecord:
    """Hands the job over and waits; each try hands it over anew."""
    return await asyncio.wrap_future(submit())


async def _again(tries: Tries, _task: Any, _run: TaskRun, state: State[Any]) -> bool:
    return tries.again(await state.aresult(raise_on_failure=False))


def _tell(shop: Workshop, job: Job, progress: Progress) -> None:
    tell(Moved(job.dvc_name, progress))
    shop.record.progress(job, progress)
