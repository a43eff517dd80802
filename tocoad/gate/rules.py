"""The gate's rules, one function each. A new rule is a function and a line in `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tocoad.gate.records import Candidate, Figures, Verdict
from tocoad.metrics.bootstrap import PairedBootstrap, Replicates, compare
from tocoad.metrics.names import MetricName
from tocoad.settings.sections import GateSettings

# Differences of figures that went through decimal text must not decide: far below one image or pixel of any test set.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Case:
    """All that a rule may look at."""

    challenger: Candidate
    champion: Candidate | None
    settings: GateSettings


@dataclass(frozen=True)
class Finding:
    """One sentence with its figures; `name` is the rule and what it looked at."""

    name: str
    passed: bool
    reason: str
    figures: Figures = field(default_factory=dict)


Rule = Callable[[Case], Iterator[Finding]]


def image_AUROC_floor(case: Case) -> Iterator[Finding]:
    yield _floor(case, "image_AUROC", case.settings.image_AUROC_min)


def pixel_AUROC_floor(case: Case) -> Iterator[Finding]:
    yield _floor(case, "pixel_AUROC", case.settings.pixel_AUROC_min)


def no_regression(case: Case) -> Iterator[Finding]:
    """The challenger may not be worse than the champion by more than the margin, metric by metric.

    The verdict goes by the difference of the exact figures. Beside it, where both have bootstrap replicates, stand its
    paired interval and P(worse by more than the margin).
    """
    if case.champion is not None:
        for metric in case.settings.metrics:
            yield _compare(case, case.champion, metric)


# In the order in which they are judged: the verdict is that of the first rule that fails.
RULES: tuple[tuple[Rule, Verdict], ...] = (
    (image_AUROC_floor, "rejected"),
    (pixel_AUROC_floor, "rejected"),
    (no_regression, "kept"),
)


def _floor(case: Case, metric: MetricName, floor: float) -> Finding:
    name, value = f"{metric} floor", case.challenger.metrics.get(metric)
    figures: Figures = {"challenger": value, "floor": floor}
    if value is None:
        return Finding(name, True, f"{metric} floor skipped: the data cannot tell (too few labels or masks)", figures)
    passed = value >= floor
    relation = "reaches" if passed else "is below"
    return Finding(name, passed, f"{metric} {value:.4f} {relation} the floor {floor:g}", figures)


def _compare(case: Case, champion: Candidate, metric: MetricName) -> Finding:
    name, margin = f"{metric} against champion", case.settings.margin
    new, old = case.challenger.metrics.get(metric), champion.metrics.get(metric)
    figures: Figures = {"challenger": new, "champion": old, "margin": margin}
    if old is None:
        return Finding(name, True, f"{metric} not compared: the champion has no figure", figures)
    if new is None:
        return Finding(name, False, f"{metric} is missing where the champion has {old:.4f}", figures)
    difference = new - old
    figures["difference"] = difference
    bootstrap = _bootstrap(case, champion, metric, difference)
    interval = ""
    if bootstrap is not None:
        figures |= {"low": bootstrap.low, "high": bootstrap.high, "probability_worse": bootstrap.probability_worse}
        interval = (
            f"; 95 % interval {bootstrap.low:+.4f} to {bootstrap.high:+.4f}, "
            f"P(worse by more than the margin) {bootstrap.probability_worse:.3f}"
        )
    passed = difference >= -margin - _ROUNDING
    relation = "is not worse than" if passed else "is worse than"
    reason = (
        f"{metric} {new:.4f} {relation} the champion's {old:.4f} by more than {margin:g} "
        f"(difference {difference:+.4f}{interval})"
    )
    return Finding(name, passed, reason, figures)


def _bootstrap(case: Case, champion: Candidate, metric: MetricName, difference: float) -> PairedBootstrap | None:
    new, old = _replicates(case.challenger), _replicates(champion)
    return compare(metric, new, old, difference, case.settings.margin)


def _replicates(candidate: Candidate) -> Replicates:
    return Replicates({name: np.array(values) for name, values in (candidate.replicates or {}).items()})
