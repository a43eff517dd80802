"""The data as they are now, under DVC, and what is stale."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.dvc import data, staleness
from services.dvc.adoption import adopt
from tocoad.files.links import refuse_links
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import Plan
from tocoad.stages.graph import Job, distinct, jobs_of, to_run


@task(name="version", task_run_name="version {dataset}", cache_policy=NO_CACHE)
def version(
    workspace: Workspace, dataset: str, categories: Sequence[Category], plan: Plan, force: bool
) -> dict[Category, tuple[Job, ...]]:
    """Brings changed images under DVC and asks it what is stale: the jobs to run, by category. What a run that broke
    off had finished is recorded, and not run again.
    """
    jobs = {category: jobs_of(category, plan.method(category)) for category in categories}
    refuse_links(workspace, [job.output_dir(workspace) for chain in jobs.values() for job in chain])
    data.track_dataset(workspace, dataset)
    if force:
        return jobs
    every = distinct(job for chain in jobs.values() for job in chain)
    stale = staleness.stale(workspace, [job.dvc_name for job in every])
    stale -= adopt(workspace, every, stale)
    return {category: to_run(chain, stale) for category, chain in jobs.items()}
