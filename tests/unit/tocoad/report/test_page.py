from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from html_page import Element, read_page
from report_files import FACTS, SCORES, Made, write_category

from tocoad.errors import StageError
from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.pictures.heatmap import heat_colours
from tocoad.report.evidence import read_evidence
from tocoad.report.facts import Facts
from tocoad.report.page import category_page, reproduction
from tocoad.stages.graph import METHODS, jobs_of

NO_FIGURES: dict[str, float | None] = dict.fromkeys(METRIC_NAMES)


# Without what takes time: most of what a page says does not depend on it.
LIGHT = Made(curves=False, losses=False, gallery=False, diagnostics=False)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Element:
    """A page with everything on it."""
    workspace, bolt = Workspace(tmp_path_factory.mktemp("full")), Category("toys", "bolt")
    write_category(workspace, bolt, "tocoad", Made())
    write_category(workspace, bolt, "patchcore", replace(LIGHT, curves=True, diagnostics=True))
    return read_page(category_page(read_evidence(workspace, bolt, "tocoad"), FACTS))


@pytest.fixture
def page(workspace: Workspace, bolt: Category) -> Any:
    def made(mine: Made, control: Made | None = None, facts: Facts = FACTS) -> Element:
        write_category(workspace, bolt, "tocoad", mine)
        if control is not None:
            write_category(workspace, bolt, "patchcore", control)
        return read_page(category_page(read_evidence(workspace, bolt, "tocoad"), facts))

    return made


def test_answers_the_three_questions_in_words(full: Element) -> None:
    whole = full
    headings = [heading.text for heading in whole.find("h2")]
    assert headings[:3] == ["Would I ship it?", "What does it miss?", "What does it reject wrongly?"]
    assert "Look first: 1 point to settle." in whole.one("section", id="ship").text
    assert "Catches 5 of 6 defective test images (83.3 %, 95 % interval 35.9–99.6 %)." in whole.text
    assert "1 of 6 defective images passes unnoticed." in whole.one("section", id="misses").text
    assert "1 of 24 good images scores above the threshold." in whole.one("section", id="rejects").text
    assert whole.one("h1").text == "toys / bolt"
    assert "version 3 gate: promoted" in whole.one(class_="facts").text
    assert "image_AUROC reaches the floor" in whole.one("header").text


def test_the_result_table_holds_both_figures_and_the_difference_with_its_interval(page: Any) -> None:
    control = replace(LIGHT, metrics={**dict.fromkeys(METRIC_NAMES, 0.8), "image_AP": None})
    table = page(LIGHT, control).one(class_="metrics").one("tbody")
    rows = {row.one("th").text: row.find("td") for row in table.find("tr")}
    assert list(rows) == list(METRIC_NAMES)
    mine, other, difference = (cell.text for cell in rows["image_AUROC"])
    assert re.fullmatch(r"0\.90000\.8[56]\d\d–0\.9[34]\d\d", mine)
    assert re.fullmatch(r"0\.80000\.7[56]\d\d–0\.8[34]\d\d", other)
    assert difference == "+0.1000+0.1000 to +0.1000better"
    assert rows["image_AP"][1].text == "–" and rows["image_AP"][2].text == "–"


def test_a_difference_that_includes_zero_is_marked(page: Any) -> None:
    whole = page(LIGHT, replace(LIGHT, metrics=dict.fromkeys(METRIC_NAMES, 0.895), spread=0.05))
    assert [mark.text for mark in whole.find(class_="mark")] == ["includes 0"] * 7


def test_recall_by_type_is_weakest_first_with_counts_and_intervals(full: Element) -> None:
    rows = full.one("section", id="misses").one("tbody").find("tr")
    assert [[row.one("th").text, row.find("td")[1].text, row.find("td")[2].text] for row in rows] == [
        ["crack", "3 of 4", "75.0 %19.4–99.4 %"],
        ["dent", "2 of 2", "100.0 %15.8–100.0 %"],
    ]


def test_the_oracle_threshold_is_labelled_as_not_for_use(full: Element) -> None:
    assert "11.5. It was chosen on the test labels: not for use." in full.one("section", id="figures").text


def test_every_shown_image_is_a_card_with_four_pictures_from_the_page_itself(
    page: Any, workspace: Workspace, bolt: Category
) -> None:
    whole = page(replace(LIGHT, gallery=True))
    cards = whole.one("ul", id="cards").find("li")
    assert len(cards) == 30
    assert (cards[0].attributes["data-outcome"], cards[0].attributes["data-type"]) == ("miss", "crack")
    assert cards[0].one(class_="card-line").text == "misscrackscore 9 ≤ 10"
    assert cards[1].one(class_="card-line").text == "false rejectgoodscore 10.5 > 10"
    pictures = cards[0].find("img")
    assert [picture.attributes["alt"].partition(": ")[2] for picture in pictures] == [
        "image",
        "truth",
        "heat map",
        "prediction",
    ]
    folder = read_evidence(workspace, bolt, "tocoad").gallery_dir
    for picture, name in zip(pictures, ("image", "truth", "heat_map", "overlay"), strict=True):
        kind, _, data = picture.attributes["src"].partition(";base64,")
        assert kind == "data:image/webp"
        assert base64.b64decode(data) == (folder / f"000_{name}.webp").read_bytes()
        assert {"width": "64", "height": "48", "loading": "lazy"}.items() <= picture.attributes.items()
    assert "All 30 test images are shown" in whole.one("section", id="gallery").text


IMAGE_METRICS_ALONE = {name: 0.9 if name.startswith("image") else None for name in METRIC_NAMES}


def test_without_masks_no_truth_is_shown_or_claimed(page: Any) -> None:
    whole = page(replace(LIGHT, gallery=True, metrics=IMAGE_METRICS_ALONE, without_mask=6))
    gallery, figures = whole.one("section", id="gallery"), whole.one("section", id="figures")
    for card in gallery.one("ul", id="cards").find("li"):
        assert [title.text for title in card.find(class_="panel-title")] == ["image", "heat map", "prediction"]
    assert "The cyan outline is the predicted defect; where the true one is, no mask tells." in gallery.text
    assert "green" not in gallery.text
    assert "The pixel metrics need masks of the defects, and there is none." in figures.text
    rows = {row.one("th").text: row.find("td")[0].text for row in figures.one(class_="metrics").one("tbody").find("tr")}
    assert [rows[name] for name in METRIC_NAMES if name.startswith("pixel")] == ["–"] * 4
    assert rows["image_AUROC"].startswith("0.9000")


def test_an_image_without_a_mask_among_others_says_so(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", replace(LIGHT, gallery=True, without_mask=1))
    folder = workspace.work_dir(bolt) / "tocoad" / "evaluate" / "gallery"
    entries = json.loads((folder / "index.json").read_text())
    (folder / entries[0]["pictures"].pop("truth")).unlink()
    (folder / "index.json").write_text(json.dumps(entries))
    gallery = read_page(category_page(read_evidence(workspace, bolt, "tocoad"), FACTS)).one("section", id="gallery")
    first, second, *_ = gallery.one("ul", id="cards").find("li")
    titles = [title.text for title in first.find(class_="panel-title")]
    assert titles == ["image", "truth: no mask", "heat map", "prediction"]
    assert (len(first.find("img")), len(second.find("img"))) == (3, 4)
    assert "The green outline is the truth, where a mask tells it, the cyan outline" in gallery.text


def test_without_defects_no_truth_is_claimed(page: Any) -> None:
    whole = page(replace(LIGHT, gallery=True, scores={"good": SCORES["good"]}, metrics=NO_FIGURES))
    said = whole.one("section", id="gallery").text
    assert "The cyan outline is the predicted defect." in said
    assert "green" not in said
    assert "need masks" not in whole.text


def test_the_filters_carry_their_counts(full: Element) -> None:
    buttons = full.one(class_="choices").find("button")
    assert [button.text for button in buttons] == ["All 30", "miss 1", "false reject 1", "caught 5", "passed 23"]
    options = [option.text for option in full.one("select", id="type").find("option")]
    assert options == ["all types (30)", "crack (4)", "dent (2)", "good (24)"]


def test_a_gallery_of_some_says_of_how_many(workspace: Workspace, bolt: Category) -> None:
    folder = write_category(workspace, bolt, "tocoad", replace(LIGHT, gallery=True))
    index = folder / "gallery" / "index.json"
    index.write_text(json.dumps(json.loads(index.read_text())[:3]))
    whole = read_page(category_page(read_evidence(workspace, bolt, "tocoad"), FACTS))
    assert "3 of 30 test images are shown" in whole.one("section", id="gallery").text


def test_the_training_section_holds_a_chart_and_a_note_for_each_diagnostic(full: Element) -> None:
    section = full.one("section", id="training")
    figures = section.find("figure")
    assert len(figures) == 6  # which ones: test_training_charts.py
    assert all(len(figure.find("svg")) == 1 and "A bad one" in figure.one("p").text for figure in figures)
    assert not section.find(class_="empty")
    assert "#training" in [link.attributes["href"] for link in full.one(class_="sections").find("a")]


def test_a_page_without_any_record_of_training_has_no_chart_of_it(page: Any) -> None:
    assert not page(LIGHT).one("section", id="training").find("figure")


def test_the_colour_bar_has_the_heat_maps_colours_and_ends(full: Element) -> None:
    bar = full.one(class_="scale-bar")
    middle = heat_colours(np.array([[12.0]], np.float32), (4.0, 20.0))[0, 0]
    colours = re.findall(r"#[0-9a-f]{6}", bar.attributes["style"])
    assert colours[len(colours) // 2] == "#{2:02x}{1:02x}{0:02x}".format(*middle.tolist())
    assert bar.one(class_="scale-mark").attributes["style"] == "left:31.25%"  # (9 - 4) / 16
    assert "from black at 4 to pale yellow at 20" in bar.attributes["aria-label"]


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ({"scores": {}, "metrics": NO_FIGURES}, "No picture was kept: there is no test image"),
        ({"scores": {"good": SCORES["good"]}, "metrics": NO_FIGURES}, "There is no defective test image"),
        ({"scores": {"crack": SCORES["crack"]}, "metrics": NO_FIGURES}, "There is no good test image"),
        ({"without_mask": 6}, "No defective test image has a mask"),
        ({"resamples": 0}, "the metrics stand without intervals"),
        ({"gallery": False}, "the setting evaluation.gallery is 0"),
        ({"latency": False}, "not measured on this machine"),
        ({"losses": False}, "No stage of tocoad left a loss curve here"),
        ({"curves": False}, "No curve can be drawn"),
        ({}, "No evaluation of the control is there to compare with"),
    ],
)
def test_what_is_missing_is_said_in_words(page: Any, without: dict[str, Any], said: str) -> None:
    whole = page(replace(LIGHT, **without))
    assert said in whole.text
    assert "None" not in whole.one("main").text


def test_the_controls_own_page_says_so(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "patchcore", LIGHT)
    whole = read_page(category_page(read_evidence(workspace, bolt, "patchcore"), FACTS))
    assert "This is the control itself" in whole.text


def test_names_from_the_data_cannot_become_markup(workspace: Workspace, bolt: Category) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    write_category(workspace, bolt, "tocoad", replace(LIGHT, gallery=True, scores={"good": SCORES["good"], "x": [3.0]}))
    folder = workspace.work_dir(bolt) / "tocoad" / "evaluate"
    index = folder / "gallery" / "index.json"
    images = json.loads(index.read_text())
    images[0] |= {"defect_type": hostile, "image_path": hostile}
    index.write_text(json.dumps(images))
    table = folder / "predictions.csv"
    table.write_text(table.read_text().replace(",x,", ',"' + hostile.replace('"', '""') + '",'))
    verdict = {"verdict": "kept", "reasons": [hostile], "version": hostile, "time": hostile}
    facts = replace(FACTS, verdicts={("bolt", "tocoad"): [verdict]}, data_version=hostile, generated=hostile)
    text = category_page(read_evidence(workspace, bolt, "tocoad"), facts)
    whole = read_page(text)
    assert len(whole.find("script")) == 1
    assert not [image for image in whole.find("img") if not image.attributes["src"].startswith("data:")]
    assert whole.one("ul", id="cards").find("li")[0].attributes["data-type"] == hostile


def test_loads_nothing_and_runs_nothing_but_its_own_script(full: Element) -> None:
    addresses = [e.attributes[a] for e in full.find() for a in ("src", "href", "xlink:href") if a in e.attributes]
    assert {address for address in addresses if not address.startswith(("data:", "#"))} == {"index.html"}
    policy = full.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    script = "".join(child for child in full.one("script").children if isinstance(child, str))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ") and f"script-src 'sha256-{digest}'" in policy
    assert "http" not in policy
    assert not [e for e in full.find() if any(name.startswith("on") for name in e.attributes)]


def test_ids_are_unique_and_every_reference_has_its_target(full: Element) -> None:
    elements = full.find()
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in elements:
        own = element.attributes
        named = f"{own.get('aria-labelledby', '')} {own.get('href', '').partition('#')[2]}"
        assert set(named.split()) <= set(ids)


def test_the_commands_reproduce_the_category(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", LIGHT)
    commands = reproduction(read_evidence(workspace, bolt, "tocoad"), FACTS)
    assert commands[:2] == ["git checkout c0ffee", "dvc checkout"]
    assert commands[3] == "tocoad evaluate toys --categories bolt"
    program, verb, *names = commands[2].split()
    assert (program, verb) == ("dvc", "repro")
    assert len(names) == len(METHODS["tocoad"].stages)
    assert set(names) <= {job.dvc_name for job in jobs_of(bolt, "tocoad")}


def test_the_page_names_the_categories_that_share_its_networks(page: Any, workspace: Workspace, bolt: Category) -> None:
    assert "trained once" not in page(LIGHT).text
    evidence = read_evidence(workspace, bolt, "tocoad")
    shared = replace(evidence, card=evidence.card.model_copy(update={"serves": ("bolt", "nut")}))
    text = read_page(category_page(shared, FACTS)).one("section", id="making").text
    assert "trained once for 2 categories of the data set: bolt, nut; thresholds are this category's own" in text


def test_a_commit_with_changes_on_top_is_told_apart(page: Any) -> None:
    whole = page(LIGHT, facts=replace(FACTS, git_commit="c0ffee-dirty"))
    assert whole.one("pre").text.startswith("git checkout c0ffee dvc")
    assert "The checkout held changes" in whole.text


def test_without_a_commit_no_checkout_is_asked_for(page: Any) -> None:
    whole = page(LIGHT, facts=replace(FACTS, git_commit=None, data_version=None, verdicts={}))
    assert whole.one("pre").text.startswith("dvc checkout")
    assert "No commit was recorded" in whole.text and "gate: not judged" in whole.text


def test_a_missing_picture_is_an_error_of_one_line(workspace: Workspace, bolt: Category) -> None:
    (write_category(workspace, bolt, "tocoad", replace(LIGHT, gallery=True)) / "gallery" / "000_truth.webp").unlink()
    with pytest.raises(StageError, match=r"000_truth\.webp: missing or cut short\): run tocoad retrain toys first$"):
        category_page(read_evidence(workspace, bolt, "tocoad"), FACTS)
