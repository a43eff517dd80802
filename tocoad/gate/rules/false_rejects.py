"""Good test images may not be rejected more often than the threshold promises.

The promise is of calibration images, the count of other ones: it is broken where so many rejections are rarer than
`gate.false_reject_risk` by chance. That is no fault of the challenger where the champion rejects as many: then the good
images themselves have changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from tocoad.calibration.promise import chance_of_rejects
from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding, Outcome
from tocoad.gate.records import Candidate

_NAME = "false rejects"


def false_rejects(case: Case) -> Iterator[Finding]:
    promise, (rejected, good) = case.challenger.promise, _rejected(case.challenger)
    if promise is None or not good:
        why = "there are no good test images" if promise else "the threshold's promise is not known"
        yield Finding(name=_NAME, outcome="not applicable", reason=f"{_NAME} not compared: {why}")
        return
    rate = promise.expected_false_reject_rate
    rank = round(rate * (promise.calibration_images + 1))
    chance = chance_of_rejects(rejected, good, promise.calibration_images, rank)
    figures: Figures = {"challenger": rejected / good, "promised": rate, "probability_by_chance": chance}
    outcome: Outcome = "passed"
    reason = f"{rejected} of {good} good test images are rejected, {rate:.2%} are promised"
    reason = f"{reason}; P(so many by chance) {chance:.2g}"
    if chance < case.settings.false_reject_risk:
        outcome = "failed"
        reason = f"{reason}: the promise is broken"
        if case.champion is not None:
            before, _ = _rejected(case.champion)
            figures["champion"] = before / good
            outcome = "failed" if rejected > before else "passed"
            reason = f"{reason}, and the champion rejects {'fewer' if rejected > before else 'no fewer'}, {before}"
    yield Finding(name=_NAME, outcome=outcome, reason=reason, figures=figures)


def _rejected(candidate: Candidate) -> tuple[int, int]:
    """Of the good test images, and how many there are."""
    labels = [image.pred_label for image in candidate.images if image.gt_label == 0]
    return sum(labels), len(labels)
