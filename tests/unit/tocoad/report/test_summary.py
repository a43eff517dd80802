from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from html_page import Element, read_page
from report_files import FACTS, Made, write_category

from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.evidence import read_evidence
from tocoad.report.row import SummaryRow
from tocoad.report.summary import summary_page
from tocoad.watch.watched import Alarm, Watched

PROMOTED = {"verdict": "promoted", "reasons": [], "version": 1}
FINE = Made(scores={"good": [5.0] * 20, "crack": [15.0] * 20}, gallery=False)
MADE = {
    "fine": FINE,
    "weak": replace(FINE, scores={"good": [5.0] * 20, "crack": [15.0] * 12 + [9.0] * 8}),
    "kept": FINE,
    "blind": replace(FINE, scores={"good": [5.0] * 20}, metrics=dict.fromkeys(METRIC_NAMES), curves=False),
    "bad": replace(FINE, scores={"good": [5.0] * 20, "crack": [15.0] * 5 + [9.0] * 15}),
}
KEPT = {"verdict": "kept", "reasons": ["worse"], "version": 2}
VERDICTS = {(name, "tocoad"): [KEPT if name == "kept" else PROMOTED] for name in MADE}


def _page(
    workspace: Workspace, names: list[str], pages: set[str], watched: Mapping[str, Watched] | None = None
) -> Element:
    facts = replace(FACTS, verdicts=VERDICTS, watched=watched or {})
    rows = []
    for name in names:
        category = Category("toys", name)
        write_category(workspace, category, "tocoad", MADE[name])
        evidence = read_evidence(workspace, category, "tocoad")
        rows.append(SummaryRow.of(evidence, facts.verdict(evidence)))
    return read_page(summary_page("toys", rows, pages, facts))


def test_those_that_need_a_person_most_come_first(workspace: Workspace) -> None:
    page = _page(workspace, sorted(MADE), set())
    assert [heading.text for heading in page.find("h3")] == ["kept", "blind", "bad", "weak", "fine"]
    assert "4 of 5 categories promoted by the gate; 4 need a look." in page.one("header").text
    assert [badge.text for badge in page.find("span", class_="badge")][::2] == [
        "not as it is",
        *["look first"] * 3,
        "nothing against it",
    ]


def test_links_lead_to_pages_that_are_there(workspace: Workspace) -> None:
    page = _page(workspace, ["fine", "weak"], {"fine.html", "index.html"})
    assert {link.attributes["href"] for link in page.one("main").find("a")} == {"fine.html"}
    assert "No page was written for it yet." in page.text


def test_the_table_has_every_category_and_the_means_of_those_with_the_figure(workspace: Workspace) -> None:
    write_category(
        workspace, Category("toys", "fine"), "patchcore", replace(FINE, metrics=dict.fromkeys(METRIC_NAMES, 0.7))
    )
    table = _page(workspace, ["fine", "weak", "blind"], set()).one(class_="all")
    rows = [[cell.text for cell in row.children if isinstance(cell, Element)] for row in table.find("tr")]
    assert rows[0][4:] == list(METRIC_NAMES)
    assert rows[1:] == [
        ["blind", "promoted", "–", "0.0 %", *["–"] * 7],
        ["weak", "promoted", "60.0 %", "0.0 %", *["0.900"] * 7],
        ["fine", "promoted", "100.0 %", "0.0 %", *["0.900"] * 7],
        ["patchcore", "", "100.0 %", "0.0 %", *["0.700"] * 7],
        ["mean", "", "", "", *["0.900"] * 7],
        ["of the control", "", "", "", *["0.700"] * 7],
    ]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["fine"], "1 of 1 category promoted by the gate; none needs a look."),
        (["fine", "weak"], "2 of 2 categories promoted by the gate; 1 needs a look."),
        ([], "0 of 0 categories promoted by the gate; none needs a look."),
    ],
)
def test_one_sentence_over_all(workspace: Workspace, names: list[str], sentence: str) -> None:
    assert sentence in _page(workspace, names, set()).one("header").text


def test_rows_carry_what_the_script_filters_by(workspace: Workspace) -> None:
    page = _page(workspace, sorted(MADE), set())
    rows = {row.one("h3").text: row.attributes for row in page.one(id="rows").find("li", class_="row")}
    assert {name: (row["data-is"], row["data-gate"]) for name, row in rows.items()} == {
        "kept": ("stop", "kept"),
        "blind": ("look", "promoted"),
        "bad": ("look", "promoted"),
        "weak": ("look", "promoted"),
        "fine": ("ship", "promoted"),
    }
    buttons = [button for button in page.one(id="controls").find("button") if "data-state" in button.attributes]
    counts = {button.attributes["data-state"]: button.one(class_="n").text for button in buttons}
    assert counts == {"": "5", "stop": "1", "look": "3", "ship": "1"}
    assert [option.text for option in page.one(id="gate").find("option")] == [
        "whatever it said",
        "kept (1)",
        "promoted (4)",
    ]


def test_the_last_look_of_the_watch_stands_with_its_category_and_an_alarm_on_top_too(workspace: Workspace) -> None:
    seen = Watched(outcome="as before", sentence="p = 0.4", time=datetime(2026, 11, 26, 2, tzinfo=UTC), version=3)
    alarm = Alarm(time=datetime(2026, 11, 25, 2, tzinfo=UTC), version=3, sentence="darker")
    dark = seen.model_copy(update={"outcome": "alarm told", "alarm": alarm})
    page = _page(workspace, ["fine", "weak", "kept"], set(), {"fine": seen, "weak": dark})
    assert page.one("header").text.count("weak") == 1 and "fine" not in page.one("header").text
    rows = {row.one("h3").text: row.text for row in page.one(id="rows").find("li", class_="row")}
    assert "Last look of the watch: 2026-11-26 02:00 UTC, version 3: as before." in rows["fine"]
    assert "An alarm of the watch stands since 2026-11-25 02:00 UTC, about version 3: darker." in rows["weak"]
    assert "alarm" not in rows["fine"] and "watch" not in rows["kept"]
