"""Runs a study's cells on Ray, up to 32 stages at a time; a stage that several cells share is run once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from services.ray.runner import RayStages
from services.watching import Ended, Moved, tell
from tocoad.errors import error_line
from tocoad.files.workspace import Workspace
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.running import read_record
from tocoad.study.plan import Cell
from tocoad.study.results import CellResult, known_result, write_result
from tocoad.study.stages import StageFolders

STAGE_FUNCTION = "tocoad.study.stages:run_study_stage"
# Threads that only wait, for Ray or for the cell that runs a stage they share: at most as many stages run at a time.
_THREADS = 32


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
    locks = _Locks()
    folders = StageFolders(workspace)
    failures = []
    # The pool is the outer one: the threads that it waits for are freed when the stages are stopped.
    with ThreadPoolExecutor(_THREADS) as pool, RayStages(workspace, cells[0].settings.ray, STAGE_FUNCTION) as stages:
        futures = [pool.submit(_run_cell, cell, folder, folders, stages, locks) for cell in cells]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                done(outcome)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def _run_cell(
    cell: Cell, folder: Path, folders: StageFolders, stages: RayStages, locks: _Locks
) -> CellResult | Failure:
    # The manifest tells the images, and with them whether the result that lies there is of these.
    manifest, *others = METHODS[cell.method].stages
    try:
        _run_stage(cell, manifest, folders, stages, locks)
        if (known := known_result(folders, cell, folder)) is not None:
            return known
        for stage in others:
            _run_stage(cell, stage, folders, stages, locks)
        return write_result(folders, cell, folder)
    except Exception as error:  # whatever it is: the other cells are worth hours
        return Failure(cell, error_line(error), error)


def _run_stage(cell: Cell, stage: Stage, folders: StageFolders, stages: RayStages, locks: _Locks) -> None:
    target = folders.of(cell.category, cell.method, stage.name, cell.settings)
    with locks.of(target):
        if read_record(target) is None:
            job = Job(stage.owner(cell.category), cell.method, stage)
            name = f"{stage.name}@{cell}"
            try:
                stages.run(job, cell.settings, lambda progress: tell(Moved(name, progress)))
            except BaseException:
                tell(Ended(name, "failed"))
                raise
            tell(Ended(name, "done"))


class _Locks:
    """One lock for each folder."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._locks: dict[Path, Lock] = {}

    def of(self, folder: Path) -> Lock:
        with self._guard:
            return self._locks.setdefault(folder, Lock())
