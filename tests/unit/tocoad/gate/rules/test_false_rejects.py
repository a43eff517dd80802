"""Whether a threshold holds, on test images, what it promised by calibration images."""

from __future__ import annotations

import pytest

from tests.helpers.candidates import answers, candidate
from tocoad.gate.case import Case
from tocoad.gate.finding import Finding
from tocoad.gate.records import Promise
from tocoad.gate.rules.false_rejects import false_rejects
from tocoad.settings.sections import GateSettings

PROMISE = Promise(calibration_images=27, expected_false_reject_rate=1 / 28)


def found(
    rejected: int, good: int, champion: int | None, promise: Promise | None = PROMISE, risk: float = 0.001
) -> Finding:
    def scored(count: int) -> tuple[int, ...]:
        return (1,) * count + (0,) * (good - count)

    challenger = candidate(answers({"good": scored(rejected)}), promise)
    other = None if champion is None else candidate(answers({"good": scored(champion)}), promise)
    (finding,) = false_rejects(Case(challenger, other, GateSettings(false_reject_risk=risk)))
    return finding


@pytest.mark.parametrize(
    ("rejected", "champion", "outcome"),
    [
        # At least 12 of 41 by chance: 0.00108; 13: 0.00056 (scipy.stats.betabinom).
        (12, None, "passed"),
        (13, None, "failed"),
        (13, 12, "failed"),
        (13, 13, "passed"),
        (13, 20, "passed"),
        (0, 0, "passed"),
    ],
)
def test_a_broken_promise_fails_unless_the_champion_rejects_as_many_good_images(
    rejected: int, champion: int | None, outcome: str
) -> None:
    finding = found(rejected, 41, champion)
    assert finding.outcome == outcome
    assert finding.reason.startswith(f"{rejected} of 41 good test images are rejected, 3.57% are promised")
    assert finding.figures["challenger"] == rejected / 41


def test_the_sentence_says_how_rare_it_is_and_what_the_champion_does() -> None:
    assert found(2, 41, None).reason.endswith("; P(so many by chance) 0.36")
    broken = found(13, 41, 2)
    assert "; P(so many by chance) 0.00056: the promise is broken, and the champion rejects fewer, 2" in broken.reason


def test_without_good_images_or_a_promise_the_rule_does_not_apply() -> None:
    assert found(0, 0, None).reason == "false rejects not compared: there are no good test images"
    unknown = found(1, 5, None, promise=None)
    assert (unknown.outcome, unknown.figures) == ("not applicable", {})


def test_an_owner_who_takes_no_risk_of_chance_is_never_told_of_a_broken_promise() -> None:
    assert found(41, 41, None, risk=0.0).outcome == "passed"
