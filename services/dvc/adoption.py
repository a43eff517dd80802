"""What a run that broke off had finished: the outputs lie whole in `work/`, only DVC's record of them is missing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from services.dvc import record
from services.dvc.calls import DvcError
from tocoad.files.workspace import Workspace
from tocoad.stages.graph import Job
from tocoad.stages.running import is_finished


def adopt(workspace: Workspace, jobs: Iterable[Job], stale: Container[str], sources: Mapping[str, str]) -> set[str]:
    """Records with DVC those stale jobs whose output is what they would make now; returns their DVC names.

    `jobs` come every one after those it reads. One that reads from a job that will run is not looked at. `sources` are
    those of `services.dvc.staleness`.
    """
    adopted: set[str] = set()
    to_run: set[str] = set()
    for job in jobs:
        name = job.dvc_name
        if to_run.intersection(job.upstream):
            to_run.add(name)
        elif name in stale:
            whole = is_finished(workspace, job.owner, job.method, job.stage.name, sources[name])
            (adopted if whole else to_run).add(name)
    if not adopted:
        return set()
    try:
        return adopted - record.commit(workspace, adopted, sources)
    except DvcError:
        # An output that dvc.yaml wants now and did not then: the stages run again, as if nobody had looked.
        return set()
