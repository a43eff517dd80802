"""What is told of a finished flow: to whom it matters, and without a secret."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from services.notice import Notice, Told, When, as_json
from tocoad.settings.sections import NotifySettings

GEAR = Told(category="gear", what="promoted", version=3, why="better")


def notice(**parts: Any) -> Notice:
    return Notice(flow="retrain", dataset="parts", text="retrain parts: 1 category", **parts)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ({}, {"always"}),
        ({"warnings": ("the remote is away",)}, {"always"}),
        ({"changed": (GEAR,)}, {"always", "changed"}),
        ({"waiting": (GEAR,)}, {"always", "changed", "attention"}),
        ({"alarms": (GEAR,)}, {"always", "changed", "attention"}),
        ({"failed": (GEAR,)}, {"always", "changed", "attention"}),
        ({"error": "MLflow is away"}, {"always", "changed", "attention"}),
    ],
)
def test_who_wants_to_hear_of_changes_hears_of_failures_and_of_what_waits_too(
    parts: dict[str, Any], wanted: set[str]
) -> None:
    assert {when for when in get_args(When) if notice(**parts).is_wanted(when)} == wanted


def test_the_document_names_what_happened_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(as_json(notice(changed=(GEAR,), links={"report": "http://m/r"}).document("run-1", "/w")))
    assert (document["format"], document["flow"], document["dataset"], document["run"]) == (
        1,
        "retrain",
        "parts",
        "run-1",
    )
    assert document["changed"] == [
        {"category": "gear", "what": "promoted", "version": 3, "why": "better", "answer": None}
    ]
    assert (document["failed"], document["waiting"], document["alarms"], document["left_out"]) == ([], [], [], 0)
    assert document["links"] == {"report": "http://m/r"} and document["error"] is None


def test_no_secret_of_the_environment_is_in_it_wherever_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCOAD_NOTIFY_TOKEN", "token-of-the-test")
    monkeypatch.setenv("TOCOAD_NOTIFY_WEBHOOK", "https://chat.example/hooks/T0/B0/hunter2")
    leak = "token-of-the-test at https://ops:hunter2@m/ and https://chat.example/hooks/T0/B0/hunter2"
    told = Told(category="gear", what="failed", why=leak, answer=leak)
    parts = {"error": leak, "failed": (told,), "warnings": (leak,), "links": {"report": leak}}
    text = as_json(notice(**parts).document(leak, leak))
    assert b"token-of-the-test" not in text and b"hunter2" not in text
    assert text.count(b"***") > 10


def test_of_very_many_categories_each_list_is_cut_and_the_rest_counted() -> None:
    document = notice(changed=(GEAR,) * 130, failed=(GEAR,) * 101).document(None, "/w")
    assert (len(document["changed"]), len(document["failed"]), document["left_out"]) == (100, 100, 31)


def test_names_that_are_no_text_can_be_read_by_every_reader_of_json() -> None:
    document = as_json(notice(error="\udcff.png is cut off").document(None, "/w"))
    assert json.loads(document)["error"] == "\\xff.png is cut off"


def test_the_guide_shows_settings_that_are_taken_and_the_document_as_it_is() -> None:
    guide = (Path(__file__).parents[3] / "docs/guide/notification.md").read_text(encoding="utf-8")
    fenced = dict(re.findall(r"```(yaml|json)\n(.*?)```", guide, re.DOTALL))
    settings = NotifySettings(**YAML(typ="safe").load(fenced["yaml"])["notify"])
    assert settings.command and settings.webhook
    shown, made = json.loads(fenced["json"]), notice(failed=(GEAR,)).document(None, "/w")
    assert list(shown) == list(made)
    assert list(shown["failed"][0]) == list(made["failed"][0])
