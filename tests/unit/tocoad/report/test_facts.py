"""Which verdict a page shows: the one on its category, its method, its test images and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from report_files import FACTS, Made, write_category

from tocoad.files.workspace import Category, Workspace
from tocoad.gate.finding import Finding
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.evidence import Evidence, read_evidence

BOLT = Category("toys", "bolt")
METRICS = dict.fromkeys(METRIC_NAMES, 0.9)


def entry(version: int, **more: Any) -> dict[str, Any]:
    known = {"verdict": "promoted", "reasons": [], "metrics": METRICS, "evaluation_set": "e" * 64}
    return {**known, "version": version, **more}


@pytest.fixture
def evidence(workspace: Workspace) -> Evidence:
    write_category(workspace, BOLT, "tocoad", Made(gallery=False))
    return read_evidence(workspace, BOLT, "tocoad")


def shown(evidence: Evidence, verdicts: Mapping[tuple[str, str], list[dict[str, Any]]]) -> int | None:
    found = replace(FACTS, verdicts=verdicts).verdict(evidence)
    return None if found is None else found["version"]


def test_a_verdict_on_another_method_or_category_is_not_this_pages(evidence: Evidence) -> None:
    assert shown(evidence, {("bolt", "recontrast"): [entry(2)], ("nut", "tocoad"): [entry(3)]}) is None
    assert shown(evidence, {("bolt", "recontrast"): [entry(2)], ("bolt", "tocoad"): [entry(1)]}) == 1


def test_a_verdict_on_other_test_images_or_other_figures_is_not_of_the_present(evidence: Evidence) -> None:
    """0.99 on the test set before says nothing of the 0.9 on this one."""
    before = entry(1, metrics={**METRICS, "image_AUROC": 0.99}, evaluation_set="d" * 64)
    trained_since = entry(1, metrics={**METRICS, "image_AUROC": 0.99})
    assert shown(evidence, {("bolt", "tocoad"): [before]}) is None
    assert shown(evidence, {("bolt", "tocoad"): [trained_since]}) is None
    assert shown(evidence, {("bolt", "tocoad"): [before, entry(2), trained_since]}) == 2, "the champion's came later"


def test_a_verdict_on_another_package_with_the_same_figures_is_not_this_ones(evidence: Evidence) -> None:
    own, other = entry(1, package=evidence.package), entry(2, package="0" * 64, verdict="kept")
    assert shown(evidence, {("bolt", "tocoad"): [own, other]}) == 1
    assert shown(evidence, {("bolt", "tocoad"): [other]}) is None


def test_the_findings_are_the_gates_though_a_person_had_the_last_word(evidence: Evidence) -> None:
    found = Finding(name="image_AUROC floor", outcome="passed", reason="reaches it", figures={"floor": 0.6})
    judged = entry(1, verdict="waiting", findings=[found.model_dump()])
    approved = entry(1, reasons=["looks good"], findings=[])
    facts = replace(FACTS, verdicts={("bolt", "tocoad"): [judged, approved]})
    assert facts.verdict(evidence) == approved
    assert facts.findings(evidence) == [found]
    of_other_images = {**judged, "evaluation_set": "d" * 64}
    assert replace(FACTS, verdicts={("bolt", "tocoad"): [of_other_images, approved]}).findings(evidence) == []


def test_an_entry_of_before_counts_where_its_figures_are_these(evidence: Evidence) -> None:
    figures = {"image_AUROC floor": {"challenger": 0.9, "floor": 0.6}}
    old = {"verdict": "promoted", "reasons": [], "version": 1, "figures": figures}
    assert shown(evidence, {("bolt", ""): [old]}) == 1
    figures["image_AUROC floor"]["challenger"] = 0.99
    assert shown(evidence, {("bolt", ""): [old]}) is None
