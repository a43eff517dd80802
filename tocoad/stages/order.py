"""In which order jobs run: each when what it reads is there, and of those the one on which most work hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tocoad.files.workspace import Workspace
from tocoad.stages.graph import Job
from tocoad.stages.running import read_record


async def run_in_order(
    jobs: Sequence[Job], work: Callable[[Job], Awaitable[bool]], left_out: Callable[[Job], None] = lambda job: None
) -> None:
    """Calls `work` for each job, given after those it reads, once these have all ended well, which `work` says; for one
    that reads from another which did not, `left_out`. What they raise ends all that is still at work.
    """
    tasks: dict[str, asyncio.Task[bool]] = {}

    async def go(job: Job) -> bool:
        for name in job.upstream:
            if name in tasks and not await tasks[name]:
                left_out(job)
                return False
        return await work(job)

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            tasks[job.dvc_name] = group.create_task(go(job))


def urgency(workspace: Workspace, jobs: Sequence[Job]) -> Mapping[str, float]:
    """By DVC name: the seconds from the job's start to the end of the longest chain that waits for it, as long as each
    took the last time. Where it is not known a job counts as long as the others of its stage, or as nothing.
    """
    known = {}
    by_stage: dict[str, list[float]] = {}
    for job in jobs:
        if (record := read_record(job.output_dir(workspace))) is not None:
            known[job.dvc_name] = record.seconds
            by_stage.setdefault(_kind(job), []).append(record.seconds)
    means = {kind: sum(seconds) / len(seconds) for kind, seconds in by_stage.items()}
    longest: dict[str, float] = {}
    for job in reversed(jobs):
        own = known.get(job.dvc_name, means.get(_kind(job), 0.0))
        longest[job.dvc_name] = total = own + longest.get(job.dvc_name, 0.0)
        for name in job.upstream:
            longest[name] = max(longest.get(name, 0.0), total)
    return longest


def _kind(job: Job) -> str:
    return job.dvc_name.partition("@")[0]
