"""Who runs a job's stage: this process, or workers elsewhere. Who wants jobs run knows no more than this."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from tocoad.files.workspace import Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.graph import Job
from tocoad.stages.running import run_stage
from tocoad.stages.stage import ProgressCallback, StageRecord, silent


class StageRunner(Protocol):
    """Takes any number of jobs at a time; how many of them run is its own to decide."""

    def submit(
        self,
        job: Job,
        settings: Settings,
        on_progress: ProgressCallback = silent,
        sources: str | None = None,
        urgency: float = 0.0,
    ) -> Future[StageRecord]:
        """Takes a job whose inputs are there; does not wait for it. The future has its record or what it raised.

        `on_progress` may be called from another thread, one call at a time. `sources` is for `run_stage`. Of jobs that
        wait for a place the one of the greatest `urgency` goes first, of equals the one that came first. A future that
        is cancelled stops its job.
        """
        ...


class InProcess:
    """Runs every stage here, before `submit` returns."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def submit(
        self,
        job: Job,
        settings: Settings,
        on_progress: ProgressCallback = silent,
        sources: str | None = None,
        urgency: float = 0.0,
    ) -> Future[StageRecord]:
        """As `StageRunner.submit`."""
        future: Future[StageRecord] = Future()
        try:
            record = run_stage(self._workspace, job.owner, job.method, job.stage.name, settings, on_progress, sources)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(record)
        return future
