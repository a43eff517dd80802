"""Where many categories stand, on a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from cli.figures import SHOWN_MAX
from cli.main import parser
from cli.status_table import status_table
from tocoad.metrics.names import METRIC_NAMES

CHAMPION: dict[str, Any] = {
    "verdict": "promoted",
    "version": 2,
    "method": "tocoad",
    "metrics": dict.fromkeys(METRIC_NAMES, 0.8),
}
FINE: dict[str, Any] = {
    "method": "tocoad",
    "stale": [],
    "champion": CHAMPION,
    "previous": 1,
    "challenger": None,
    "error": None,
    "watch": None,
}
OTHERS: dict[str, dict[str, Any]] = {
    "stale": {**FINE, "stale": ["stage1", "fit_tocoad"]},
    "young": {**FINE, "champion": None, "previous": None},
    "new": {**FINE, "method": None, "champion": None},
    "torn": {**FINE, "champion": None, "previous": None, "error": "entry 2 was deleted"},
    "doomed": {**FINE, "champion": {**CHAMPION, "verdict": "rejected"}},
    "other_images": {**FINE, "champion": {**CHAMPION, "verdict": None, "metrics": {}}},
}


def told(capsys: pytest.CaptureFixture[str], size: int, whole: bool = False) -> list[str]:
    names = [f"fine{number:04d}" for number in range(size - len(OTHERS))]
    categories = dict.fromkeys(names, FINE) | OTHERS
    status_table({"dataset": "d", "data_version": "abc", "categories": categories}, whole)
    return capsys.readouterr().out.splitlines()


def rows(lines: list[str]) -> list[str]:
    return [line.split()[1] for line in lines if line.startswith("│ ") and line[2] != " "]


def test_of_a_thousand_categories_it_shows_those_that_want_something_done(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, 1000)
    assert rows(lines) == ["torn", "doomed", "young", "stale", "new", "other_images", "mean"]
    assert "v2 rejected" in next(line for line in lines if "doomed" in line)
    assert next(line for line in lines if "torn" in line).count("unknown") == 2
    assert lines[-1] == (
        "1000 categories: 1 that cannot be read, 1 with a champion that is rejected, 1 without a champion, 1 stale, "
        "1 not yet in the plan, 1 not judged, 994 up to date; "
        "6 shown: --all shows all, --json tells of all"
    )


def test_all_are_shown_where_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, 1000, whole=True)
    assert len(rows(lines)) == 1001 and lines[-1].endswith("994 up to date")


def test_a_handful_is_shown_whole_without_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, SHOWN_MAX)
    assert len(rows(lines)) == SHOWN_MAX and "categories" not in lines[-1]


def test_a_champion_says_its_method_where_the_plan_has_another(capsys: pytest.CaptureFixture[str]) -> None:
    other = {**FINE, "method": "patchcore"}
    status_table({"dataset": "d", "data_version": "abc", "categories": {"same": FINE, "other": other}})
    told = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if line.startswith("│ ")}
    assert "│ v2 " in told["same"] and "(tocoad)" not in told["same"] and "v2 (tocoad)" in told["other"]


def test_categories_can_be_named() -> None:
    options = parser().parse_args(["status", "d", "--categories", "a", "b", "--all"])
    assert (options.categories, options.all) == (["a", "b"], True)


def test_a_version_that_waits_for_a_person_is_shown_before_what_a_retrain_settles(
    capsys: pytest.CaptureFixture[str],
) -> None:
    waits = {**FINE, "challenger": {"version": 3, "verdict": "waiting", "since": "now", "reasons": ["too few images"]}}
    broke_off = {**FINE, "challenger": {"version": 4, "verdict": None, "since": None, "reasons": []}}
    rows = {f"fine{number}": FINE for number in range(SHOWN_MAX)} | {"asked": waits, "off": broke_off} | OTHERS
    status_table({"dataset": "d", "data_version": "abc", "categories": rows})
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split()[1] for line in lines if line.startswith("│ ") and line[2] != " "]
    assert shown.index("doomed") < shown.index("asked") < shown.index("young") and "fine1" not in shown
    challengers = " ".join(word for line in lines if line.startswith("│ ") for word in line.split("│")[6].split())
    assert challengers.count("v3 waits") == 1 and challengers.count("v4 not judged") == 1
    assert "1 waiting for a person" in lines[-1] and "2 not judged" in lines[-1]


def test_the_last_look_of_the_watch_and_an_alarm_that_stands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    look = {"time": "2026-11-26T02:00:03Z", "version": 2, "outcome": "as before", "sentence": "p = 0.4", "alarm": None}
    alarm = {"time": "2026-11-25T02:00:00Z", "version": 2, "sentence": "darker"}
    rows = {f"fine{number}": {**FINE, "watch": look} for number in range(SHOWN_MAX)}
    rows["dark"] = {**FINE, "watch": {**look, "outcome": "alarm told", "alarm": alarm}}
    status_table({"dataset": "d", "data_version": "abc", "categories": rows})
    lines = capsys.readouterr().out.splitlines()
    shown = "".join(word for line in lines if line.startswith("│ ") for word in line.split("│")[6].split())
    assert "2026-11-2602:00alarmtold" in shown, "folded as the column is narrow"
    assert lines[-2] == "dark: an alarm of the watch stands since 2026-11-25 02:00 UTC: darker"
    assert "1 with an alarm of the watch" in lines[-1]
    status_table({"dataset": "d", "data_version": "abc", "categories": {"fine": rows["fine0"]}})
    told = capsys.readouterr().out
    assert "as" in told and "before" in told and "alarm" not in told
