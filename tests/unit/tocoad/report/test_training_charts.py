from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from report_files import Made, write_category

from tocoad.files.workspace import Category, Workspace
from tocoad.report.evidence import Evidence, read_evidence
from tocoad.report.training_charts import TrainingChart, training_charts

MADE = Made(gallery=False, curves=False)


@pytest.fixture
def evidence(workspace: Workspace, bolt: Category) -> Evidence:
    write_category(workspace, bolt, "tocoad", MADE)
    write_category(workspace, bolt, "patchcore", replace(MADE, distance=4.0))
    return read_evidence(workspace, bolt, "tocoad")


def _by_title(evidence: Evidence) -> dict[str, TrainingChart]:
    return {found.title: found for found in training_charts(evidence)}


def _description(found: TrainingChart) -> str:
    return (ElementTree.fromstring(found.chart).findtext("desc") or "").replace("\u00a0", " ")


def _texts(found: TrainingChart) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(found.chart).iter("text")]


def _dashed(found: TrainingChart, colour: str) -> int:
    return len(re.findall(rf'style="[^"]*stroke-dasharray[^"]*var\(--{colour}\)', found.chart))


def test_each_diagnostic_has_its_chart_and_says_what_a_bad_one_looks_like(evidence: Evidence) -> None:
    charts = _by_title(evidence)
    assert list(charts) == [
        "Loss of stage1",
        "Loss of stage2",
        "D's loss on synthetic anomalies",
        "Spread of the projections",
        "Drift from the pretrained encoder",
        "Calibration images against the bank",
    ]
    assert all("A bad one " in found.note for found in charts.values())


def test_charts_are_described_by_their_ends(evidence: Evidence) -> None:
    charts = _by_title(evidence)
    assert "to 0.04979 at step 120" in _description(charts["Loss of stage1"])  # exp(-3)
    assert _description(charts["Spread of the projections"]) == "From 1 to 0.97; 1 is even."
    assert (
        _description(charts["Drift from the pretrained encoder"])
        == "At the end, level 2: 0.02; level 3: 0.03; level 4: 0.04."
    )
    assert _description(charts["Calibration images against the bank"]) == (
        "tocoad: half of them within 2, 99 % within 2.98; patchcore: half of them within 4, 99 % within 5.96."
    )


def test_references_are_dashed(evidence: Evidence) -> None:
    charts = _by_title(evidence)
    assert _dashed(charts["D's loss on synthetic anomalies"], "ink") == 1
    assert _dashed(charts["Spread of the projections"], "ink") == 1
    assert _dashed(charts["Calibration images against the bank"], "control") == 2  # the line and its legend
    assert _dashed(charts["Loss of stage1"], "ink") == 0


def test_levels_and_methods_are_named_in_the_charts(evidence: Evidence) -> None:
    charts = _by_title(evidence)
    assert {"level 2", "level 3", "level 4"} <= set(_texts(charts["Drift from the pretrained encoder"]))
    assert {"tocoad", "patchcore"} <= set(_texts(charts["Calibration images against the bank"]))


def test_what_was_not_recorded_is_not_drawn(workspace: Workspace) -> None:
    old, none = Category("toys", "old"), Category("toys", "none")
    write_category(workspace, old, "tocoad", replace(MADE, diagnostics=False))
    assert list(_by_title(read_evidence(workspace, old, "tocoad"))) == ["Loss of stage1", "Loss of stage2"]
    write_category(workspace, none, "tocoad", replace(MADE, losses=False, diagnostics=False))
    write_category(workspace, none, "patchcore", MADE)
    assert training_charts(read_evidence(workspace, none, "tocoad")) == []


def test_the_control_has_its_distances_alone(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "patchcore", MADE)
    (found,) = training_charts(read_evidence(workspace, bolt, "patchcore"))
    assert _description(found) == "patchcore: half of them within 2, 99 % within 2.98."
    assert "before training" not in found.note and "patchcore" not in _texts(found)


def test_without_the_controls_distances_nothing_is_called_before(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", MADE)
    found = _by_title(read_evidence(workspace, bolt, "tocoad"))["Calibration images against the bank"]
    assert "before training" not in found.note and _dashed(found, "control") == 0
