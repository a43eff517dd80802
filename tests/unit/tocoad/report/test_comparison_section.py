"""Champion and challenger on the page: what changed, in pictures and in figures, right after the verdict."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from html_page import Element, read_page
from report_files import FACTS, Made, compared, drawn, write_category

from tocoad.evaluation.comparison_files import write_comparison
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.comparison import Comparison, Kind
from tocoad.report.evidence import Evidence, read_evidence
from tocoad.report.page import category_page

LIGHT = Made(curves=False, losses=False, gallery=False, diagnostics=False)


@pytest.fixture
def evidence(workspace: Workspace, bolt: Category) -> Evidence:
    write_category(workspace, bolt, "tocoad", LIGHT)
    return read_evidence(workspace, bolt, "tocoad")


@pytest.fixture
def page(workspace: Workspace, bolt: Category) -> Any:
    def made(comparison: Comparison, pictures: bool = True) -> Element:
        shown = {one.image_path: drawn() for one in comparison.changed} if pictures else {}
        write_comparison(workspace.comparison_dir(bolt), comparison, shown)
        return read_page(category_page(read_evidence(workspace, bolt, "tocoad"), FACTS))

    return made


def test_the_comparison_follows_the_verdict_and_says_first_what_changed(page: Any, evidence: Evidence) -> None:
    whole = page(compared(evidence))
    assert [heading.text for heading in whole.find("h2")][:3] == [
        "Would I ship it?",
        "Is it better than the champion?",
        "What does it miss?",
    ]
    section = whole.one("section", id="champion")
    assert section.one(class_="headline").text == "It judges 2 of 30 test images otherwise than the champion."
    assert [item.text for item in section.one(class_="points").find("li")] == [
        "1 defective one that the champion catches passes unnoticed",
        "1 good one that the champion rejects passes",
    ]
    assert "The challenger is version 4 (tocoad); version 3 (patchcore) was champion when" in section.text
    headings = [heading.text for heading in section.find("h3")]
    assert headings == ["Judged otherwise, the worst first", "By type, what was lost first", "Figures of both"]
    assert "#champion" in [link.attributes["href"] for link in whole.one(class_="sections").find("a")]


def test_every_changed_image_is_shown_with_both_heat_maps_from_the_page_itself(page: Any, evidence: Evidence) -> None:
    cards = page(compared(evidence)).one("section", id="champion").find("li", class_="card")
    assert [card.one(class_="path").text for card in cards] == ["test/crack/000.png", "test/good/000.png"]
    assert cards[0].one(class_="card-line").text == "missed nowcrackchallenger 9 ≤ 10, champion 12 > 10"
    assert cards[1].one(class_="card-line").text == "passed nowgoodchallenger 5 ≤ 10, champion 11 > 10"
    assert [title.text for title in cards[0].find(class_="panel-title")] == ["image", "truth", "champion", "challenger"]
    sources = [picture.attributes["src"] for picture in cards[0].find("img")]
    made = [base64.b64encode(picture).decode() for picture in drawn().pictures.values()]
    assert sources == [f"data:image/webp;base64,{data}" for data in made]


def test_types_and_figures_stand_side_by_side(page: Any, evidence: Evidence) -> None:
    types, figures = page(compared(evidence)).one("section", id="champion").find("tbody")
    assert [[cell.text for cell in (row.one("th"), *row.find("td"))] for row in types.find("tr")] == [
        ["crackcaught of 4", "375.0 %19.4–99.4 %", "4100.0 %39.8–100.0 %", "1 lost"],
        ["dentcaught of 2", "2100.0 %15.8–100.0 %", "2100.0 %15.8–100.0 %", "none"],
        ["goodpassed of 24", "2395.8 %78.9–99.9 %", "2291.7 %73.0–99.0 %", "1 gained"],
    ]
    first = figures.find("tr")[0]
    low, high = evidence.judged.report.intervals["image_AUROC"]
    of_each = f"{low:.4f}–{high:.4f}"
    assert [cell.text for cell in first.find("td")] == [
        f"0.9000{of_each}",
        f"0.9000{of_each}",
        "0.00000.0000 to 0.0000includes 0",
    ]


def test_figures_of_made_anomalies_are_labelled_as_such(page: Any, evidence: Evidence) -> None:
    made = Kind(defect_type="made", good=False, images=20, challenger=18, champion=17, lost=0, gained=1)
    section = page(compared(evidence).model_copy(update={"synthetic": True, "made": made})).one(
        "section", id="champion"
    )
    assert "There are no defective test images. The figures are of anomalies made on good images" in section.text
    last = section.find("tbody")[0].find("tr")[-1]
    assert [cell.text for cell in (last.one("th"), *last.find("td"))][::3] == ["made anomaliescaught of 20", "1 gained"]


def test_many_changed_images_are_folded_away_but_the_first(page: Any, evidence: Evidence) -> None:
    one = compared(evidence)
    many = [one.changed[0].model_copy(update={"image_path": f"test/crack/{i:03d}.png"}) for i in range(9)]
    section = page(one.model_copy(update={"changed": tuple(many)})).one("section", id="champion")
    folded = section.one("details")
    assert folded.one("summary").text == "5 more images judged otherwise"
    assert (len(section.find("li", class_="card")), len(folded.find("li"))) == (9, 5)


def test_without_pictures_the_changed_images_are_named(page: Any, evidence: Evidence) -> None:
    section = page(compared(evidence), pictures=False).one("section", id="champion")
    assert not section.find("img")
    assert section.one("summary").text == "2 images judged otherwise, without pictures"
    assert (
        section.one("details").find("li")[0].text
        == "missed now: test/crack/000.png (crack), challenger 9 ≤ 10, champion 12 > 10"
    )


@pytest.mark.parametrize("other", ["package", "evaluation set", "record"])
def test_a_comparison_of_another_detector_or_of_other_images_is_not_shown(
    page: Any, evidence: Evidence, workspace: Workspace, bolt: Category, other: str
) -> None:
    one = compared(evidence)
    if other == "package":
        one = one.model_copy(update={"challenger": one.champion})
    elif other == "evaluation set":
        one = one.model_copy(update={"evaluation_set": "d" * 64})
    whole = page(one)
    if other == "record":
        (workspace.comparison_dir(bolt) / "comparison.json").write_text("{")
        whole = read_page(category_page(read_evidence(workspace, bolt, "tocoad"), FACTS))
    assert not whole.find("section", id="champion")
    assert "#champion" not in [link.attributes["href"] for link in whole.one(class_="sections").find("a")]


def test_what_the_rules_found_is_a_table_what_failed_first_and_open_where_it_was_not_promoted(
    evidence: Evidence,
) -> None:
    found = [
        {"name": "image_AUROC floor", "outcome": "passed", "reason": "reaches the floor", "figures": {}},
        {"name": "parity", "outcome": "not applicable", "reason": "no probes", "figures": {}},
        {"name": "recall of crack", "outcome": "failed", "reason": "cracks are lost", "figures": {"recall": 0.2}},
    ]
    said = {
        "verdict": "kept",
        "reasons": ["cracks are lost", "reaches the floor", "no probes", "a note"],
        "findings": found,
        "version": 4,
        "time": "today",
    }
    facts = replace(FACTS, verdicts={("bolt", "tocoad"): [said]})
    why = read_page(category_page(evidence, facts)).one("header").one("details")
    assert "open" in why.attributes
    assert [[cell.text for cell in row.find("td")] for row in why.one("tbody").find("tr")] == [
        ["failed", "recall of crackcracks are lost"],
        ["passed", "image_AUROC floorreaches the floor"],
        ["not applicable", "parityno probes"],
    ]
    assert [item.text for item in why.find("li")] == ["a note"], "said once"
    promoted = replace(FACTS, verdicts={("bolt", "tocoad"): [{**said, "verdict": "promoted"}]})
    assert "open" not in read_page(category_page(evidence, promoted)).one("header").one("details").attributes
