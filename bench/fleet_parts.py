"""What planning consists of, each part measured in a process of its own: `python -m bench.fleet_parts PART FOLDER`.

Seconds are those of the processor, the children's included: what else the machine does counts less than by the clock.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.fleet_workspace import DATASET, planned
from bench.timing import greatest_resident_set
from services.dvc import data, record, staleness
from services.dvc.adoption import adopt
from services.dvc.lockfile import read_blocks
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import Job

Work = Callable[[], object]


def record_all(workspace: Workspace, jobs: Sequence[Job]) -> Work:
    """dvc.lock of every job, from nothing."""
    (workspace.root / "dvc.lock").unlink(missing_ok=True)
    names = _names(jobs)
    sources = staleness.sources(workspace, names)
    return lambda: record.commit(workspace, names, sources)


def record_one(workspace: Workspace, jobs: Sequence[Job]) -> Work:
    """The jobs of one category, by a process that has asked what is stale."""
    names = _names(jobs)
    assert not staleness.stale(workspace, names)
    few = _names(job for job in jobs if job.owner == jobs[0].owner)
    sources = staleness.sources(workspace, few)
    return lambda: record.commit(workspace, few, sources)


def adopt_one(workspace: Workspace, jobs: Sequence[Job]) -> Work:
    """What a run had finished that broke off before it recorded one category."""
    few = set(_names(job for job in jobs if job.owner == jobs[0].owner))
    blocks = read_blocks(workspace.root)
    assert blocks is not None
    kept = "".join(text for name, text in blocks.items() if name not in few)
    (workspace.root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{kept}", encoding="utf-8")
    stale = staleness.stale(workspace, _names(jobs))
    assert stale == few
    sources = staleness.sources(workspace, stale)
    return lambda: adopt(workspace, jobs, stale, sources)


def retrain(workspace: Workspace, jobs: Sequence[Job]) -> Work:
    """All that a retrain plans before it finds nothing to train, in one process."""

    def work() -> None:
        params = load_params(workspace)
        write_dvc_file(workspace, params.settings)
        names = _names(planned(workspace))
        data.track_dataset(workspace, DATASET)
        assert not staleness.stale(workspace, names)

    return work


def command(*arguments: str) -> Callable[[Workspace, Sequence[Job]], Work]:
    def part(workspace: Workspace, jobs: Sequence[Job]) -> Work:
        line = [sys.executable, "-m", "dvc", *arguments]
        settings = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        return lambda: subprocess.run(line, cwd=workspace.root, check=True, stdout=subprocess.DEVNULL, env=settings)

    return part


PARTS: dict[str, Callable[[Workspace, Sequence[Job]], Work]] = {
    "record all": record_all,
    "plan": lambda workspace, jobs: lambda: planned(workspace),
    "track": lambda workspace, jobs: lambda: data.track_dataset(workspace, DATASET),
    "stale": lambda workspace, jobs: lambda: staleness.stale(workspace, _names(jobs)),
    "sources": lambda workspace, jobs: lambda: staleness.sources(workspace, _names(jobs)),
    "record one category": record_one,
    "adopt one category": adopt_one,
    "retrain, nothing to do": retrain,
    "dvc status": command("status"),
    "dvc repro, nothing to do": command("repro"),
}


def measure(part: str, workspace: Workspace) -> dict[str, float]:
    work = PARTS[part](workspace, planned(workspace))
    before = _processor_seconds()
    work()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 if part.startswith("dvc ") else 0
    return {"seconds": _processor_seconds() - before, "peak": max(children, greatest_resident_set())}


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _names(jobs: Iterable[Job]) -> list[str]:
    return [job.dvc_name for job in jobs]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Workspace(Path(sys.argv[2])))))
