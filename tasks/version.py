"""The data as they are now, under DVC, and what is stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.dvc import data, staleness
from services.dvc.adoption import adopt
from tocoad.files.links import refuse_links
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import Params
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import Job, distinct, jobs_of, to_run


@dataclass(frozen=True)
class Stale:
    """By category the jobs that are stale, and those below them, which may have to run. `names` are the stale ones' DVC
    names, `sources` of each a digest of what it reads from outside the graph. With `force` all have to run.
    """

    work: Mapping[Category, tuple[Job, ...]]
    names: Set[str]
    sources: Mapping[str, str]
    force: bool = False

    def jobs(self, categories: Sequence[Category]) -> tuple[Job, ...]:
        """Of these categories, every job once, after those it reads."""
        return distinct(job for category in categories for job in self.work[category])


@task(name="version", task_run_name="version {dataset}", cache_policy=NO_CACHE)
def version(
    workspace: Workspace,
    dataset: str,
    categories: Sequence[Category],
    params: Params,
    force: bool,
    only: str | None = None,
) -> Stale:
    """Brings changed images under DVC and asks it what is stale. What a run that broke off had finished is recorded,
    and not run again. `only` is the one stage that it is about; None: all.
    """
    chains = {category: jobs_of(category, params.plan.method(category)) for category in categories}
    jobs = {name: tuple(job for job in chain if only in (None, job.stage.name)) for name, chain in chains.items()}
    refuse_links(workspace, [job.output_dir(workspace) for chain in jobs.values() for job in chain])
    # It names the files outside the workspace that the settings name.
    write_dvc_file(workspace, params.settings)
    data.track_dataset(workspace, dataset)
    every = distinct(job for chain in jobs.values() for job in chain)
    names = [job.dvc_name for job in every]
    if force:
        return Stale(jobs, set(names), staleness.sources(workspace, names), force)
    if not (stale := staleness.stale(workspace, names)):
        return Stale(dict.fromkeys(jobs, ()), stale, {})
    sources = staleness.sources(workspace, [job.dvc_name for job in to_run(every, stale)])
    stale -= adopt(workspace, every, stale, sources)
    return Stale({category: to_run(chain, stale) for category, chain in jobs.items()}, stale, sources)
