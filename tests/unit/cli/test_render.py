"""Text of users in tables and bars: shown as it is, never taken for a style or a command to the terminal."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cli.data_changes import show_comparisons
from cli.render import metrics_table, prediction_table, show_inventory
from cli.result_table import result_table
from cli.status_table import status_table
from tocoad.calibration.conformal import conformal_threshold
from tocoad.data.inventory import CategoryInventory, Inventory
from tocoad.data.merging import Comparison
from tocoad.data.problems import Problem
from tocoad.stages.bars import progress_bars

# rich shows the first two without their tags, the third as a picture, and ends in an error at the fourth.
NAMES = ("[red]rot[green]", "[b]x", ":smile:", "[/red]x")
NO_FIGURES = {"method": "patchcore", "metrics": {}, "at_threshold": {"recall": None, "false_reject_rate": None}}


def inventory(name: str) -> Inventory:
    category = CategoryInventory(name, 10, 8, 6, 6, 6, {name: 6, "a\nb\x1b[31m": 1})
    return Inventory("mvtec", (category,), (Problem(Path(name), "odd"),))


@pytest.mark.parametrize("name", NAMES)
def test_a_data_sets_names_are_shown_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_inventory(inventory(name))
    told = capsys.readouterr().err
    assert f"│ {name} " in told and f"{name} 6, a\\nb\\x1b[31m 1" in told and f"warning: {name}: odd" in told
    assert "\x1b" not in told


def test_of_many_categories_those_with_the_fewest_images_are_shown_and_all_are_summed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    categories = tuple(CategoryInventory(f"c{n:03d}", 1000 - n, 8, 6, 5, 4, {"dent": 5}) for n in range(300))
    show_inventory(Inventory("mvtec", categories, tuple(Problem(Path(f"{n}.png"), "odd") for n in range(70))))
    told = capsys.readouterr().err
    assert "20 of 300 categories" in told and "c299" in told and "c280" in told and "c279" not in told
    (row,) = (line.split("│") for line in told.splitlines() if "│ all " in line)
    assert [cell.strip() for cell in row[2:7]] == [str(300 * 1000 - 299 * 150), "2400", "1800", "1500", "1200"]
    assert told.count("warning: ") == 20 and "and 50 more warnings" in told


def test_of_many_files_that_come_some_are_listed_and_all_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        f"c{n:02d}": Comparison(new=[f"c{n:02d}/train/good/{image:03d}.png" for image in range(n)]) for n in range(60)
    }
    found["c01"].conflicts["c01/train/good/a.png"] = Path("monday/a.png")
    show_comparisons(found, whole=False)
    told = capsys.readouterr().err
    assert "│ c59      │   59 │" in told and "│ c39 " not in told and "and 39 more categories that change" in told
    assert f"│ all 60   │ {60 * 59 // 2} │         0 │           1 │" in told
    assert "new: c59/train/good/004.png\nnew: and 54 more; --all lists all\n" in told
    show_comparisons(found, whole=True)
    told = capsys.readouterr().err
    assert "new: c59/train/good/058.png" in told and "more" not in told
    assert "in conflict: c01/train/good/a.png and monday/a.png" in told


@pytest.mark.parametrize("name", NAMES)
def test_every_table_shows_names_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"image_path": name, "pred_score": 1.0, "pred_label": True}
    prediction_table([row], conformal_threshold([0.1, 0.2, 0.5], 0.3))
    metrics_table({name: NO_FIGURES})
    champion = {"version": 1, "method": "patchcore", "metrics": {}, "verdict": None}
    status = {
        "method": "patchcore",
        "stale": [],
        "champion": champion,
        "previous": None,
        "challenger": None,
        "error": None,
        "watch": None,
    }
    status_table({"dataset": name, "data_version": None, "categories": {name: status}})
    told = capsys.readouterr().out
    assert told.count(f"│ {name} ") == 3
    assert "anomalous" in told and "[red]anomalous" not in told


@pytest.mark.parametrize("name", NAMES)
def test_the_result_of_a_retrain_shows_what_failed_as_it_is(name: str) -> None:
    failed = {**NO_FIGURES, "status": "failed", "control": None, "error": f"evaluate: {name}: bad", "decision": None}
    decision = {"verdict": "kept", "reasons": [f"worse on {name}"], "anew": True}
    kept = {**failed, "status": "trained", "error": None, "decision": decision, "model": {"version": 2}}
    console = Console(file=(written := StringIO()), width=120)
    run = {"dataset": name, "seconds": 1.0, "error": None, "warnings": [name]}
    result_table({**run, "categories": {name: failed, "other": kept}}, console)
    told = written.getvalue()
    assert f"{name}: evaluate: {name}: bad" in told and f"other: worse on {name}" in told and "kept v2" in told
    assert f"{name}: 1 s" in told and f"warning: {name}" in told


@pytest.mark.parametrize("name", NAMES)
def test_a_bar_on_a_terminal_shows_its_name_and_needs_no_figures(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    with progress_bars() as bars:
        assert list(bars.track(range(2), description=name)) == [0, 1]
    assert name in terminal.getvalue()
