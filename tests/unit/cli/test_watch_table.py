"""What a watch found, on a terminal: of many categories those that a person should look at."""

from __future__ import annotations

from typing import Any

import pytest

from cli.figures import SHOWN_MAX
from cli.watch_table import watch_table


def seen(outcome: str, **more: Any) -> dict[str, Any]:
    row = {"outcome": outcome, "sentence": f"so {outcome}", "version": 3, "images": 32, "rejected": 2}
    return {**row, "farthest": [], "unreadable": [], **more}


DARK = seen("alarm", farthest=["line/dark/9.png", "line/dark/8.png"])
HALF = seen("as before", unreadable=["line/half/1.png"])
NONE = seen("no champion", version=None, rejected=None)


def told(capsys: pytest.CaptureFixture[str], whole: bool = False, retrain: Any = None, **rows: Any) -> str:
    result = {
        "dataset": "parts",
        "seconds": 3.2,
        "warnings": ["nobody was told"],
        "retrain": retrain,
        "categories": rows,
    }
    watch_table(result, whole)
    captured = capsys.readouterr().out
    assert "warning: nobody was told" in captured
    return captured


def test_an_alarm_says_what_was_seen_and_which_images_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, dark=DARK, half=HALF, none=NONE, retrain={"run": "r", "error": None})
    assert "so alarm" in out and "dark: look at line/dark/9.png, line/dark/8.png" in out
    assert "half: 1 cannot be read: line/half/1.png" in out
    assert "retrain: done" in out


def test_of_many_those_that_are_as_before_or_have_nothing_new_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    many = {f"fine{number:03d}": seen("as before" if number % 2 else "nothing new") for number in range(40)}
    out = told(capsys, dark=DARK, none=NONE, **many)
    assert "fine" not in out and "dark" in out and "none" in out
    assert "42 categories: 1 alarm, 1 no champion, 20 nothing new, 20 as before" in out
    assert told(capsys, whole=True, dark=DARK, none=NONE, **many).count("fine") == 40 > SHOWN_MAX
