from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from report_files import SCORES, Made, write_category

from tocoad.files.workspace import Category, Workspace
from tocoad.report.charts import curve_charts, score_histogram
from tocoad.report.evidence import Evidence, read_evidence


@pytest.fixture
def evidence(workspace: Workspace, bolt: Category) -> Evidence:
    write_category(workspace, bolt, "tocoad", Made(gallery=False))
    write_category(workspace, bolt, "patchcore", Made(gallery=False))
    return read_evidence(workspace, bolt, "tocoad")


def _texts(chart: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(chart).iter("text")]


def _bars(chart: str, colour: str) -> int:
    """Bars that can be seen: paths of that fill with a height."""
    bars = 0
    for path in ElementTree.fromstring(chart).iter("path"):
        if f"fill: var(--{colour})" in path.get("style", ""):
            heights = {float(y) for y in re.findall(r"[ML] \S+ (\S+)", path.get("d", ""))}
            bars += max(heights) - min(heights) > 0.5
    return bars


def test_every_curve_is_drawn_with_the_control_beside_it(evidence: Evidence) -> None:
    charts = curve_charts(evidence)
    assert [title.partition(",")[0] for title, _ in charts] == [
        "ROC",
        "Precision and recall",
        "PRO",
        "Precision and recall",
    ]
    for _, chart in charts:
        assert {"tocoad", "patchcore"} <= set(_texts(chart))
    described = [ElementTree.fromstring(chart).findtext("desc") or "" for _, chart in charts]
    # 1 of 24 good, 5 of 6 defective; precision 5/6.
    assert "4.2\u00a0% and 83.3\u00a0%" in described[0] and "83.3\u00a0% and 83.3\u00a0%" in described[1]


def test_the_pro_curve_ends_at_its_limit(evidence: Evidence) -> None:
    texts = _texts(dict(curve_charts(evidence))["PRO, regions"])
    assert "0.30" in texts and "0.35" not in texts


def test_undefined_curves_are_left_out(workspace: Workspace) -> None:
    category = Category("toys", "plain")
    write_category(workspace, category, "tocoad", Made(gallery=False, curves=False))
    assert curve_charts(read_evidence(workspace, category, "tocoad")) == []


def test_the_histogram_counts_each_outcome_in_its_colour(evidence: Evidence) -> None:
    chart = score_histogram(evidence)
    assert chart is not None
    assert {"23 passed", "1 falsely rejected", "1 missed", "5 caught"} <= set(_texts(chart))
    assert (_bars(chart, "reject"), _bars(chart, "miss")) == (1, 1)
    assert _bars(chart, "caught") == 5 and _bars(chart, "passed") >= 5


def test_a_score_at_the_threshold_stands_on_the_passing_side(workspace: Workspace) -> None:
    category = Category("toys", "edge")
    write_category(
        workspace, category, "tocoad", Made(gallery=False, scores={"good": [10.0, 10.0], "crack": [10.0, 10.001, 30.0]})
    )
    chart = score_histogram(read_evidence(workspace, category, "tocoad"))
    assert chart is not None
    assert {"2 passed", "0 falsely rejected", "1 missed", "2 caught"} <= set(_texts(chart))
    assert (_bars(chart, "passed"), _bars(chart, "reject")) == (1, 0)
    assert (_bars(chart, "miss"), _bars(chart, "caught")) == (1, 2)


@pytest.mark.parametrize("scores", [{"good": SCORES["good"]}, {"crack": [12.0]}, {"good": [10.0]}])
def test_the_histogram_stands_where_one_kind_is_missing(workspace: Workspace, scores: dict[str, list[float]]) -> None:
    category = Category("toys", "plain")
    write_category(workspace, category, "tocoad", Made(gallery=False, scores=scores, calibration=1))
    assert score_histogram(read_evidence(workspace, category, "tocoad")) is not None


def test_without_test_images_there_is_no_histogram(workspace: Workspace) -> None:
    category = Category("toys", "plain")
    write_category(workspace, category, "tocoad", Made(gallery=False, scores={}))
    assert score_histogram(read_evidence(workspace, category, "tocoad")) is None


def test_charts_take_colour_and_type_from_the_page_and_are_the_same_twice(evidence: Evidence) -> None:
    charts = [chart for _, chart in curve_charts(evidence)]
    assert charts == [chart for _, chart in curve_charts(evidence)]
    ids = [name for chart in charts for name in re.findall(r'\bid="([^"]*)"', chart)]
    assert len(ids) == len(set(ids))
    for chart in charts:
        assert "#0a0b" not in chart and "DejaVu" not in chart and "<style" not in chart and "<metadata" not in chart
        assert set(re.findall(r"url\(#([^)]*)\)", chart)) <= set(ids)
        assert set(re.findall(r'href="#([^"]*)"', chart)) <= set(ids)
