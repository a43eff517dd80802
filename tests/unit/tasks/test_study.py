from __future__ import annotations

from pathlib import Path

import pytest

import tasks.study as module
from tasks.study import Failure, run_cells
from tocoad.config import Settings
from tocoad.stage import StageError
from tocoad.study.plan import Cell
from tocoad.study.results import CellResult
from tocoad.workspace import Category, Workspace


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StageError("no images: add some\nmore"), "no images: add some"),
        (TypeError("unsupported"), "TypeError: unsupported"),
        (ValueError(), "ValueError: without a message"),
    ],
)
def test_whatever_breaks_a_cell_breaks_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    class Stages:
        def __init__(self, *_: object) -> None:
            pass

        def __enter__(self) -> Stages:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def run(self, *_: object) -> None:
            raise error

    monkeypatch.setattr(module, "RayStages", Stages)
    cells = [Cell("none", "new", Category("d", name), 0, "patchcore", Settings()) for name in ("a", "b")]
    heard: list[CellResult | Failure] = []
    failures = run_cells(Workspace(tmp_path), cells, tmp_path / "results", heard.append)
    assert sorted(failure.cell.category.name for failure in failures) == ["a", "b"]
    assert {failure.error for failure in failures} == {told}
    assert all(failure.cause is error for failure in failures)
    assert len(heard) == 2
