"""What the stages wrote, in DVC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.dvc import record
from tocoad.files.lease import still_held
from tocoad.files.workspace import Workspace
from tocoad.stages.graph import Job


@task(name="record", cache_policy=NO_CACHE)
def record_stages(workspace: Workspace, jobs: Sequence[Job], before: Mapping[str, str]) -> set[str]:
    """One DVC commit of what the jobs wrote, here in the driver.

    Returns the DVC names of the jobs whose settings or images changed while they ran, and which stay stale.
    """
    with still_held():
        return record.commit(workspace, [job.dvc_name for job in jobs], before)
