"""What a commit of a night says."""

from __future__ import annotations

from typing import Any

from flows.commit_message import commit_message


def entry(status: str, verdict: str | None = None, version: int | None = None, error: str | None = None) -> Any:
    decision = None if verdict is None else {"verdict": verdict, "reasons": [], "anew": status == "trained"}
    model = None if version is None else {"name": "n", "version": version, "aliases": []}
    return {"status": status, "method": "tocoad", "error": error, "decision": decision, "model": model}


def test_it_tells_the_data_set_what_changed_and_the_verdicts() -> None:
    categories = {
        "bottle": entry("trained", "promoted", 3),
        "cable": entry("up-to-date", "promoted", 1),
        "grid": entry("up-to-date", "waiting", 4),
        "screw": entry("trained", "kept", 2),
        "tile": entry("failed", error="stage1: no image is left"),
    }
    assert commit_message({"dataset": "parts", "categories": categories}) == (
        "Retrain parts: 5 categories: 1 failed, 1 waiting, 1 kept, 1 promoted, 1 up to date\n"
        "\n"
        "bottle: promoted, version 3 (tocoad)\n"
        "grid: waiting, version 4 (tocoad)\n"
        "screw: kept, version 2 (tocoad)\n"
        "tile: failed (tocoad): stage1: no image is left\n"
    )


def test_of_a_thousand_categories_it_tells_the_most_urgent_and_how_many_more_there_are() -> None:
    categories = {f"c{number}": entry("trained", "promoted", 1) for number in range(1000)}
    categories["c999"] = entry("failed", error="broken")
    lines = commit_message({"dataset": "parts", "categories": categories}).splitlines()
    assert lines[0] == "Retrain parts: 1000 categories: 1 failed, 999 promoted"
    assert lines[2] == "c999: failed (tocoad): broken" and lines[-1] == "and 950 more"


def test_a_night_in_which_nothing_was_trained_is_a_line() -> None:
    message = commit_message({"dataset": "parts", "categories": {"bottle": entry("up-to-date", "promoted", 1)}})
    assert message == "Retrain parts: 1 category: 1 up to date\n"
