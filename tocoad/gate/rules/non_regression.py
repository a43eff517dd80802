"""The challenger may not be worse than the champion by more than the margin, metric by metric.

Both were scored on the same images in the same run. A difference of the exact figures beyond the margin is a failure.
That it is within the margin settles little on few images: the rule has passed only where the paired bootstrap says that
P(worse by more than the margin) is at most `gate.risk`, and there are `gate.images_min` good and defective test images
each. What lies between is unsure. The least number is there because draws of a few images without a mistake know of
none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding, Outcome
from tocoad.gate.records import Candidate
from tocoad.metrics.bootstrap import PairedBootstrap, Replicates, compare
from tocoad.metrics.names import MetricName

AGAINST_CHAMPION = "against champion"
# Differences of figures that went through decimal text must not decide: far below one image or pixel of any test set.
_ROUNDING = 1e-12


def non_regression(case: Case) -> Iterator[Finding]:
    if case.champion is None:
        reason = "figures not compared: there is no champion yet"
        yield Finding(name="against champion", outcome="not applicable", reason=reason)
        return
    for metric in case.settings.metrics:
        yield _compare(case, case.champion, metric)


def _compare(case: Case, champion: Candidate, metric: MetricName) -> Finding:
    name, margin = f"{metric} {AGAINST_CHAMPION}", case.settings.margin
    new, old = case.challenger.metrics.get(metric), champion.metrics.get(metric)
    figures: Figures = {"challenger": new, "champion": old, "margin": margin}
    if old is None:
        reason = f"{metric} not compared: the champion has no figure"
        return Finding(name=name, outcome="not applicable", reason=reason, figures=figures)
    if new is None:
        reason = f"{metric} is missing where the champion has {old:.4f}"
        return Finding(name=name, outcome="failed", reason=reason, figures=figures)
    bootstrap = compare(metric, _replicates(case.challenger), _replicates(champion), new - old, margin + _ROUNDING)
    figures |= {"difference": new - old, **_drawn(bootstrap)}
    doubt = _doubt(case, bootstrap)
    if new - old < -margin - _ROUNDING:
        outcome: Outcome = "failed"
        relation = "is worse than"
    else:
        outcome = "unsure" if doubt else "passed"
        relation = "may be worse than" if doubt else "is not worse than"
    reason = (
        f"{metric} {new:.4f}{case.stand_in} {relation} the champion's {old:.4f} by more than {margin:g} "
        f"(difference {new - old:+.4f}{_interval(bootstrap)})"
    )
    if outcome == "unsure":
        reason = f"{reason}: {doubt}"
    return Finding(name=name, outcome=outcome, reason=reason, figures=figures)


def _doubt(case: Case, bootstrap: PairedBootstrap | None) -> str:
    """Why the images cannot tell that the challenger is not worse; empty: they can."""
    labels = [image.gt_label for image in case.challenger.judged]
    good, defective, least = labels.count(0), labels.count(1), case.settings.images_min
    if min(good, defective) < least:
        return f"{good} good and {defective} defective images, gate.images_min asks for {least} of each"
    if bootstrap is None:
        return "there are no bootstrap draws (evaluation.bootstrap)"
    if bootstrap.probability_worse > case.settings.risk:
        return f"too probable for gate.risk {case.settings.risk:g}"
    return ""


def _drawn(bootstrap: PairedBootstrap | None) -> Figures:
    if bootstrap is None:
        return {}
    return {"low": bootstrap.low, "high": bootstrap.high, "probability_worse": bootstrap.probability_worse}


def _interval(bootstrap: PairedBootstrap | None) -> str:
    if bootstrap is None:
        return ""
    return (
        f"; 95 % interval {bootstrap.low:+.4f} to {bootstrap.high:+.4f}, "
        f"P(worse by more than the margin) {bootstrap.probability_worse:.3f}"
    )


def _replicates(candidate: Candidate) -> Replicates:
    return Replicates({name: np.array(values) for name, values in (candidate.replicates or {}).items()})
