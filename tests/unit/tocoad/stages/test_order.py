"""Jobs run when what they read is there; which of them is the most urgent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tocoad.files.sealed import seal
from tocoad.files.workspace import Category, Workspace
from tocoad.stages.graph import Job, distinct, jobs_of
from tocoad.stages.order import run_in_order, urgency
from tocoad.stages.running import RECORD_FILE

A, B = Category("set", "a"), Category("set", "b")


def run(jobs: tuple[Job, ...], failing: str = "") -> tuple[list[str], list[str]]:
    """What ran, in this order, and what was left out; of jobs that could run at once all begin before one ends."""
    ran: list[str] = []
    left: list[str] = []

    async def work(job: Job) -> bool:
        await asyncio.sleep(0)
        ran.append(job.dvc_name)
        return job.dvc_name != failing

    asyncio.run(run_in_order(jobs, work, lambda job: left.append(job.dvc_name)))
    return ran, left


def test_every_job_runs_after_those_it_reads() -> None:
    jobs = distinct(job for category in (A, B) for job in jobs_of(category, "recontrast_unified"))
    ran, left = run(jobs)
    assert sorted(ran) == sorted(job.dvc_name for job in jobs)
    assert not left
    for job in jobs:
        assert all(ran.index(name) < ran.index(job.dvc_name) for name in job.upstream)


def test_what_fails_stops_only_what_reads_from_it() -> None:
    jobs = distinct(job for category in (A, B) for job in jobs_of(category, "tocoad"))
    ran, left = run(jobs, failing="stage1@set/a")
    assert sorted(left) == ["evaluate_tocoad@set/a", "fit_tocoad@set/a", "stage2@set/a"]
    assert sorted([*ran, *left]) == sorted(job.dvc_name for job in jobs)


def test_a_defect_ends_what_is_still_at_work() -> None:
    async def work(job: Job) -> bool:
        if job.owner == A:
            raise TypeError("a defect")
        await asyncio.sleep(3600)
        return True

    jobs = distinct(job for category in (A, B) for job in jobs_of(category, "patchcore"))
    with pytest.raises(ExceptionGroup, match="unhandled"):
        asyncio.run(run_in_order(jobs, work))


def record(workspace: Workspace, job: Job, seconds: float) -> None:
    folder = job.output_dir(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD_FILE).write_text(seal({"metrics": {}, "seconds": seconds}))


def test_the_most_urgent_job_is_that_with_the_longest_chain_behind_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    jobs = jobs_of(A, "patchcore") + jobs_of(B, "patchcore")
    for job, seconds in zip(jobs, (1, 10, 2, 1, 30, 2), strict=True):
        record(workspace, job, seconds)
    names = ["manifest@set/{}", "fit_patchcore@set/{}", "evaluate_patchcore@set/{}"]
    expected = {name.format("a"): value for name, value in zip(names, (13, 12, 2), strict=True)}
    expected |= {name.format("b"): value for name, value in zip(names, (33, 32, 2), strict=True)}
    assert urgency(workspace, jobs) == expected


def test_a_job_that_never_ran_counts_as_long_as_the_others_of_its_stage(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    jobs = jobs_of(A, "patchcore") + jobs_of(B, "patchcore")
    assert set(urgency(workspace, jobs).values()) == {0.0}
    for job, seconds in zip(jobs[:3], (1, 10, 2), strict=True):
        record(workspace, job, seconds)
    assert urgency(workspace, jobs)["manifest@set/b"] == 13
