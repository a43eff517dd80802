"""Absolute floors, below which no version may fall, whatever the champion is like."""

from __future__ import annotations

from collections.abc import Iterator

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding
from tocoad.metrics.names import MetricName


def image_AUROC_floor(case: Case) -> Iterator[Finding]:
    yield _floor(case, "image_AUROC", case.settings.image_AUROC_min)


def pixel_AUROC_floor(case: Case) -> Iterator[Finding]:
    yield _floor(case, "pixel_AUROC", case.settings.pixel_AUROC_min)


def _floor(case: Case, metric: MetricName, floor: float) -> Finding:
    name, value = f"{metric} floor", case.challenger.metrics.get(metric)
    figures: Figures = {"challenger": value, "floor": floor}
    if value is None:
        reason = f"{metric} floor skipped: the data cannot tell (too few labels or masks)"
        return Finding(name=name, outcome="not applicable", reason=reason, figures=figures)
    passed = value >= floor
    relation = "reaches" if passed else "is below"
    reason = f"{metric} {value:.4f}{case.stand_in} {relation} the floor {floor:g}"
    return Finding(name=name, outcome="passed" if passed else "failed", reason=reason, figures=figures)
