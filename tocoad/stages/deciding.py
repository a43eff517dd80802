"""Which jobs have to run: decided by content, of each when what it reads is there."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from pathlib import Path

from tocoad.files.fingerprint import parts_digest
from tocoad.files.workspace import Workspace
from tocoad.stages.graph import METHODS, Job, input_dirs
from tocoad.stages.running import is_finished


def foreseen(jobs: Sequence[Job], stale: Container[str], by_images: Container[str]) -> tuple[Job, ...]:
    """Those of the jobs that will run, as far as it can be told before: the stale ones, and all below one that runs.

    But where a list of images is stale by these alone (`by_images`), whoever reads it for the same owner and is not
    stale has the images that it had: it declares which part of them it is about, or reads no more than the list.
    """
    names: set[str] = set()
    for job in jobs:
        lists = {name for name in job.upstream if name in by_images and name.endswith(f"@{job.owner}")}
        if job.dvc_name in stale or names.intersection(job.upstream) - lists:
            names.add(job.dvc_name)
    return tuple(job for job in jobs if job.dvc_name in names)


class Decisions:
    """About jobs of which `stale` were found so at the start, and the others not: what these read and wrote is as it
    was recorded. `sources` are for `is_finished`. With `force` all have to run.
    """

    def __init__(
        self,
        workspace: Workspace,
        jobs: Sequence[Job],
        stale: Collection[str],
        sources: Mapping[str, str],
        force: bool = False,
    ) -> None:
        self._workspace = workspace
        self._force = force
        self._stale = stale
        self._sources = sources
        self._names = {job.dvc_name for job in jobs}
        # Those below each that were not stale: they run only if they read something else than they have read.
        self._below: dict[str, list[Job]] = {}
        for job in jobs:
            if job.dvc_name not in stale:
                for name in set(job.upstream):
                    self._below.setdefault(name, []).append(job)
        self._read: dict[tuple[str, str], list[str]] = {}

    def begin(self, job: Job) -> bool:
        """Whether the job has to run; call it when what it reads is there, and let it run then, for what others have
        read of its earlier output is looked at before that goes.
        """
        if not self._has_to_run(job):
            return False
        for reader in self._below.get(job.dvc_name, ()):
            self._read[job.dvc_name, reader.dvc_name] = self._reads(reader, job.stage.name)
        return True

    def _has_to_run(self, job: Job) -> bool:
        name = job.dvc_name
        if self._force:
            return True
        if name not in self._stale:
            return any(
                self._reads(job, stage) != self._read[above, name]
                for stage, above in zip(job.stage.upstream, job.upstream, strict=True)
                if (above, name) in self._read
            )
        # Where nothing above it was open, it was looked at before.
        if self._names.isdisjoint(job.upstream):
            return True
        return not is_finished(self._workspace, job.owner, job.method, job.stage.name, self._sources[name])

    def _reads(self, job: Job, of: str) -> list[str]:
        """Digests of what the job reads of the output of a stage."""
        method = METHODS[job.method]
        folders: Mapping[str, Path] = input_dirs(self._workspace, job.owner, method, job.stage)
        parts = method.reads(job.stage)
        roles = (role for role, source in job.stage.inputs.items() if source.stage == of)
        return [parts_digest(folders[role], parts[role]) for role in roles]
