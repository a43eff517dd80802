from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest

import services.study as module
from services.study import Failure, run_cells
from tocoad.errors import StageError
from tocoad.files.sealed import seal
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.running import RECORD_FILE
from tocoad.study.plan import Cell
from tocoad.study.results import CellResult

_POOL = ThreadPoolExecutor(8)


class FakeRay:
    """Stands for `RayStages`; a test says what its `run` does."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, job: Job, *_: object, **__: object) -> Future[None]:
        return _POOL.submit(self.run, job)

    def run(self, job: Job) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StageError("no images: add some\nmore"), "no images: add some"),
        (TypeError("unsupported"), "TypeError: unsupported"),
        (ValueError(), "ValueError"),
    ],
)
def test_whatever_breaks_a_cell_breaks_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    class Stages(FakeRay):
        def run(self, job: Job) -> None:
            raise error

    monkeypatch.setattr(module, "RayStages", Stages)
    cells = [Cell("none", "new", Category("d", name), 0, "patchcore", Settings()) for name in ("a", "b")]
    heard: list[CellResult | Failure] = []
    failures = run_cells(Workspace(tmp_path), cells, tmp_path / "results", heard.append)
    assert sorted(failure.cell.category.name for failure in failures) == ["a", "b"]
    assert {failure.error for failure in failures} == {told}
    assert all(failure.cause is error for failure in failures)
    assert len(heard) == 2


def test_cells_of_two_categories_wait_for_the_one_training_of_their_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def folder(_: object, asker: Owner, method: MethodName, name: str, _settings: Settings) -> Path:
        return tmp_path / str(METHODS[method].stage(name).owner(asker)) / name

    class Stages(FakeRay):
        def run(self, job: Job) -> None:
            time.sleep(0.01)  # the other cell comes to the same stage meanwhile
            ran.append(f"{job.stage.name}@{job.owner}")
            made = folder(None, job.owner, job.method, job.stage.name, Settings())
            made.mkdir(parents=True, exist_ok=True)
            (made / RECORD_FILE).write_text(seal({"metrics": {}}))

    monkeypatch.setattr(module, "RayStages", Stages)
    monkeypatch.setattr(module.StudyFolders, "of", folder)
    monkeypatch.setattr(module, "known_result", lambda *_: None)
    monkeypatch.setattr(module, "write_result", lambda _folders, cell, _folder: cell)
    # One that a power cut left with half a record counts as not run.
    (tmp_path / "d/a/manifest").mkdir(parents=True)
    (tmp_path / "d/a/manifest" / RECORD_FILE).write_text('{"metrics"')
    cells = [Cell("none", "new", Category("d", name), 0, "recontrast_unified", Settings()) for name in ("a", "b")]
    assert not run_cells(Workspace(tmp_path), cells, tmp_path / "results", lambda _: None)
    each = [f"{stage}@d/{name}" for stage in ("manifest", "fit", "evaluate") for name in ("a", "b")]
    assert sorted(ran) == sorted(["list_unified@d", "train_unified@d", *each])


def test_no_number_of_our_own_limits_how_many_stages_are_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them ends before all have come, as on a cluster that is large enough."""
    waiting: list[Future[None]] = []

    class Stages(FakeRay):
        def submit(self, job: Job, *_: object, **__: object) -> Future[None]:
            waiting.append(Future())
            if len(waiting) == len(cells):
                for future in waiting:
                    future.set_exception(StageError("all were there"))
            return waiting[-1]

    monkeypatch.setattr(module, "RayStages", Stages)
    cells = [Cell("none", "new", Category("d", f"c{n}"), 0, "patchcore", Settings()) for n in range(100)]
    failures = run_cells(Workspace(tmp_path), cells, tmp_path / "results", lambda _: None)
    assert {failure.error for failure in failures} == {"all were there"}
    assert len(failures) == 100
