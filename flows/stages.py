"""Stages of a flow: run, and what they made recorded."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.interrupts import held
from tasks.record import record_stages
from tasks.session import Workshop
from tasks.stages import Ran, run_stages
from tasks.version import Stale
from tocoad.stages.graph import Job


def run_and_record(shop: Workshop, jobs: Sequence[Job], stale: Stale) -> tuple[Ran, set[str]]:
    """Runs what has to run, each job once, and commits what was made to DVC, even after a fault. Beside what became of
    them the DVC names of those whose settings or images changed meanwhile.
    """
    ran, changed = Ran(), set[str]()
    try:
        run_stages(shop, jobs, stale, ran)
    finally:
        with held():
            names = {*ran.done, *(stale.names & ran.unchanged)}
            if made := [job for job in jobs if job.dvc_name in names]:
                changed = record_stages(shop.workspace, made, stale.sources)
    return ran, changed
