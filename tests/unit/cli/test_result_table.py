"""What a retrain of many categories ends with on a terminal."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.figures import SHOWN_MAX
from cli.result_table import pushed_text, result_table, show_places
from tests.helpers.project import PROJECT
from tocoad.files.workspace import Workspace
from tocoad.metrics.names import METRIC_NAMES

Entry = dict[str, Any]


def entry(status: str, verdict: str | None, figure: float = 0.9, anew: bool = False) -> Entry:
    decision: Entry | None = None if verdict is None else {"verdict": verdict, "reasons": [f"because it is {verdict}"]}
    if decision is not None:
        decision["anew"] = anew or status == "trained"
    return {
        "status": status,
        "method": "tocoad",
        "metrics": {} if status == "failed" else dict.fromkeys(METRIC_NAMES, figure),
        "control": None if status == "failed" else {"method": "patchcore", "metrics": dict.fromkeys(METRIC_NAMES, 0.5)},
        "error": "stage1: it broke" if status == "failed" else None,
        "decision": decision,
        "model": None if verdict is None else {"version": 7},
    }


def fleet(size: int, **others: Entry) -> dict[str, Entry]:
    return {f"fine{number:04d}": entry("up-to-date", "promoted") for number in range(size - len(others))} | others


def told(categories: dict[str, Entry], whole: bool = False) -> str:
    console = Console(file=(written := StringIO()), width=120)
    error = next((f"{name}: {entry['error']}" for name, entry in categories.items() if entry["error"]), None)
    result = {"dataset": "d", "seconds": 61.0, "error": error, "warnings": [], "categories": categories}
    result_table(result, console, whole)
    return written.getvalue()


OTHERS = {
    "new": entry("trained", "promoted"),
    "worse": entry("trained", "rejected"),
    "alone": entry("trained", "kept", 0.4),
    "broken": entry("failed", None),
}


def test_of_a_thousand_categories_it_shows_what_failed_then_what_changed_and_counts_the_rest() -> None:
    lines = told(fleet(1000, **OTHERS)).splitlines()
    rows = [line.split()[0] for line in lines if " tocoad " in line]
    assert rows == ["broken", "worse", "alone", "new"]
    # The means are over all 999 that have figures, not over those shown: (998 x 0.9 + 0.4) / 999.
    assert next(line for line in lines if "mean" in line).split()[1:] == ["0.899"] * 7
    assert "1000 categories: 1 failed, 1 rejected, 1 kept, 1 promoted, 996 up to date; 4 shown: --all" in lines[-4]
    assert lines[-3:] == [
        "broken: stage1: it broke",
        "worse: because it is rejected",
        "alone: because it is kept",
    ]


def test_what_waits_for_a_person_is_shown_each_night_with_the_way_to_answer() -> None:
    page = "http://127.0.0.1:4200/runs/flow-run/1"
    asked = entry("up-to-date", "waiting") | {"question": {"until": "2026-03-04T05:06:07+00:00", "page": page}}
    lines = " ".join(told(fleet(1000, asked=asked, unasked=entry("trained", "waiting"))).split())
    assert "1000 categories: 2 waiting, 998 up to date" in lines
    command = "tocoad approve d asked [--reject] --reason TEXT"
    assert f"asked: waits for a person until 2026-03-04T05:06:07+00:00: {command}, or on {page}" in lines
    assert "unasked: waits for a person: tocoad approve d unasked" in lines


def test_a_champion_that_was_judged_anew_is_shown_though_nothing_was_trained() -> None:
    written = told(fleet(1000, doomed=entry("up-to-date", "rejected", anew=True), old=entry("up-to-date", "rejected")))
    rows = [line.split()[0] for line in written.splitlines() if " tocoad " in line]
    assert rows == ["doomed"] and "1 rejected, 999 up to date" in written and "doomed: because" in written


def test_no_more_is_shown_than_a_screen_takes_though_all_have_changed() -> None:
    changed = {f"new{number:03d}": entry("trained", "promoted") for number in range(300)}
    broken = {f"broken{number:02d}": entry("failed", None) for number in range(SHOWN_MAX + 5)}
    written = told(fleet(1000, **changed, **broken))
    assert written.count(" tocoad ") == SHOWN_MAX and "new000" not in written
    assert written.count("it broke") == SHOWN_MAX and len(written.splitlines()) < 3 * SHOWN_MAX
    assert "25 failed, 300 promoted, 675 up to date; 20 shown" in written


def test_all_are_shown_where_that_is_wanted() -> None:
    written = told(fleet(1000, **OTHERS), whole=True)
    assert written.count(" tocoad ") == 1000 and "fine0000" in written
    assert "996 up to date\n" in written and "--all" not in written


@pytest.mark.parametrize("size", [len(OTHERS), SHOWN_MAX])
def test_a_handful_is_shown_whole_in_its_own_order(size: int) -> None:
    written = told(fleet(size, **OTHERS))
    rows = [line.split()[0] for line in written.splitlines() if " tocoad " in line]
    assert rows == list(fleet(size, **OTHERS))
    assert "categories:" not in written


@pytest.mark.parametrize(
    ("objects", "error", "text"),
    [
        (424, None, "424 objects, 41.6 MB to s3://inspection/line-3, 0.7 s"),
        (0, None, "nothing: s3://inspection/line-3 has it all"),
        (0, "it refuses the key", "0 objects, 0 bytes to s3://inspection/line-3, 0.7 s"),
    ],
)
def test_what_was_pushed_is_told_in_a_line(objects: int, error: str | None, text: str) -> None:
    size = 41_629_259 if objects else 0
    push = {"remote": "s3://inspection/line-3", "objects": objects, "bytes": size, "seconds": 0.66, "error": error}
    assert pushed_text(push) == text


def test_the_pages_of_prefect_are_shown_by_what_the_workspace_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_places(Workspace(PROJECT), "sqlite:///m.db", None, "d")
    assert "Prefect   make serve, then http://127.0.0.1:4200" in capsys.readouterr().err
    made = tmp_path / "a workspace"
    show_places(Workspace(made), "sqlite:///m.db", None, "d")
    said = capsys.readouterr().err
    assert f"Prefect   PREFECT_HOME='{made}/.services/prefect' prefect server start, then http://127.0.0.1:4200" in said
