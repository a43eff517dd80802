"""Runs a study's cells, each stage when what it reads is there; one that several cells share is run once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.aside import run_aside
from services.ray.runner import RayStages
from services.shared_store import shared_store
from services.watching import Ended, Moved, tell
from tocoad.errors import error_line
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.runner import StageRunner
from tocoad.stages.running import StageFolders, read_record
from tocoad.stages.stage import Progress
from tocoad.study.plan import Cell
from tocoad.study.results import CellResult, known_result, write_result
from tocoad.study.stages import StudyFolders

STAGE_FUNCTION = "tocoad.study.stages:run_study_stage"


@dataclass(frozen=True)
class Failure:
    """A cell that could not be computed; the others are complete."""

    cell: Cell
    error: str
    cause: Exception


def run_cells(
    workspace: Workspace,
    cells: Sequence[Cell],
    folder: Path,
    done: Callable[[CellResult | Failure], None],
) -> list[Failure]:
    """Computes what is missing of the cells and writes their results below `folder`; `done` hears of each."""
    if not cells:
        return []
    ray, folders = cells[0].settings.ray, StudyFolders(workspace)

    def folders_of_job(job: Job, settings: Settings) -> StageFolders:
        return folders.around(job.owner, job.method, job.stage.name, settings)

    with RayStages(workspace, ray, STAGE_FUNCTION, shared_store(workspace, ray), folders_of_job) as runner:
        return run_aside(_Study(folders, folder, runner).run(cells, done))


class _Study:
    def __init__(self, folders: StudyFolders, folder: Path, runner: StageRunner) -> None:
        self._folders = folders
        self._folder = folder
        self._runner = runner
        # By the folder that it fills.
        self._stages: dict[Path, asyncio.Task[None]] = {}

    async def run(self, cells: Sequence[Cell], done: Callable[[CellResult | Failure], None]) -> list[Failure]:
        failures = []
        for outcome in asyncio.as_completed([self._cell(cell) for cell in cells]):
            if isinstance(ended := await outcome, Failure):
                failures.append(ended)
            done(ended)
        return failures

    async def _cell(self, cell: Cell) -> CellResult | Failure:
        # The manifest tells the images, and with them whether the result that lies there is of these.
        manifest, *others = METHODS[cell.method].stages
        try:
            await self._stage(cell, manifest, 0)
            if (known := await asyncio.to_thread(known_result, self._folders, cell, self._folder)) is not None:
                return known
            for depth, stage in enumerate(others, 1):
                await self._stage(cell, stage, depth)
            return await asyncio.to_thread(write_result, self._folders, cell, self._folder)
        except Exception as error:  # whatever it is: the other cells are worth hours
            return Failure(cell, error_line(error), error)

    async def _stage(self, cell: Cell, stage: Stage, depth: int) -> None:
        target = await asyncio.to_thread(self._folders.of, cell.category, cell.method, stage.name, cell.settings)
        if target not in self._stages:
            self._stages[target] = asyncio.create_task(self._fill(target, cell, stage, depth))
        await self._stages[target]

    async def _fill(self, target: Path, cell: Cell, stage: Stage, depth: int) -> None:
        if read_record(target) is not None:
            return
        job = Job(stage.owner(cell.category), cell.method, stage)
        name = f"{stage.name}@{cell}"

        def on_progress(progress: Progress) -> None:
            tell(Moved(name, progress))

        try:
            # The cell that is nearest to its end goes first: its result is seen early.
            await asyncio.wrap_future(self._runner.submit(job, cell.settings, on_progress, urgency=depth))
        except BaseException:
            tell(Ended(name, "failed"))
            raise
        tell(Ended(name, "done"))
