"""The challenger may not be worse than the champion by more than the margin, metric by metric.

Both were scored on the same images in the same run. The verdict goes by the difference of the exact figures. Beside it,
where both have bootstrap replicates, stand its paired interval and P(worse by more than the margin).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding
from tocoad.gate.records import Candidate
from tocoad.metrics.bootstrap import PairedBootstrap, Replicates, compare
from tocoad.metrics.names import MetricName

# Differences of figures that went through decimal text must not decide: far below one image or pixel of any test set.
_ROUNDING = 1e-12


def non_regression(case: Case) -> Iterator[Finding]:
    if case.champion is None:
        reason = "not compared: there is no champion yet"
        yield Finding(name="against champion", outcome="not applicable", reason=reason)
        return
    for metric in case.settings.metrics:
        yield _compare(case, case.champion, metric)


def _compare(case: Case, champion: Candidate, metric: MetricName) -> Finding:
    name, margin = f"{metric} against champion", case.settings.margin
    new, old = case.challenger.metrics.get(metric), champion.metrics.get(metric)
    figures: Figures = {"challenger": new, "champion": old, "margin": margin}
    if old is None:
        reason = f"{metric} not compared: the champion has no figure"
        return Finding(name=name, outcome="not applicable", reason=reason, figures=figures)
    if new is None:
        reason = f"{metric} is missing where the champion has {old:.4f}"
        return Finding(name=name, outcome="failed", reason=reason, figures=figures)
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
    return Finding(name=name, outcome="passed" if passed else "failed", reason=reason, figures=figures)


def _bootstrap(case: Case, champion: Candidate, metric: MetricName, difference: float) -> PairedBootstrap | None:
    new, old = _replicates(case.challenger), _replicates(champion)
    return compare(metric, new, old, difference, case.settings.margin)


def _replicates(candidate: Candidate) -> Replicates:
    return Replicates({name: np.array(values) for name, values in (candidate.replicates or {}).items()})
