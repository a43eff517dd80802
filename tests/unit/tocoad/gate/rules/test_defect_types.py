"""A type of defect that the champion catches may not be lost."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import pytest

from tests.helpers.candidates import answers, candidate
from tocoad.gate.case import Case
from tocoad.gate.finding import Finding
from tocoad.gate.rules.defect_types import defect_types
from tocoad.settings.sections import GateSettings


def found(
    challenger: dict[str, Sequence[int]], champion: dict[str, Sequence[int]], caught_min: float = 0.5, risk: float = 0.1
) -> Finding:
    settings = GateSettings(caught_min=caught_min, risk=risk)
    (finding,) = defect_types(Case(candidate(answers(challenger)), candidate(answers(champion)), settings))
    return finding


def first(caught: int, images: int) -> list[int]:
    """The first so many are caught."""
    return [1] * caught + [0] * (images - caught)


def test_a_type_that_the_champion_catches_and_the_challenger_does_not_fails_whatever_is_gained_with_others() -> None:
    finding = found({"crack": first(1, 8), "dent": first(8, 8)}, {"crack": first(7, 8), "dent": first(0, 8)})
    assert finding.outcome == "failed"
    assert finding.reason.startswith("lost is crack (1 of 8 caught, 7 by the champion): a type of which the champion")
    assert finding.figures == {
        "crack challenger": 1 / 8,
        "crack champion": 7 / 8,
        "dent challenger": 1.0,
        "dent champion": 0.0,
    }


@pytest.mark.parametrize(
    ("challenger", "champion", "images", "outcome"),
    [
        (4, 8, 8, "passed"),
        (5, 4, 8, "passed"),
        (3, 7, 8, "failed"),
        (3, 4, 8, "unsure"),
        (3, 3, 8, "not applicable"),
        (0, 3, 8, "not applicable"),
        (1, 3, 3, "unsure"),
        (0, 3, 3, "failed"),
        (0, 1, 1, "failed"),
    ],
)
def test_what_falls_below_the_least_recall_is_lost_unless_it_may_be_chance(
    challenger: int, champion: int, images: int, outcome: str
) -> None:
    assert found({"crack": first(challenger, images)}, {"crack": first(champion, images)}).outcome == outcome


def test_chance_is_that_of_the_images_on_which_the_two_differ() -> None:
    # The champion alone catches 5, the challenger alone 1: at least 5 of 6 fair coins.
    champion, challenger = [1] * 5 + [0] + [0] * 3, [0] * 5 + [1] + [0] * 3
    chance = (comb(6, 5) + comb(6, 6)) / 2**6
    for risk, outcome in ((chance * 1.01, "failed"), (chance * 0.99, "unsure")):
        finding = found({"crack": challenger}, {"crack": champion}, risk=risk)
        assert finding.outcome == outcome
    assert "too few images tell whether crack (1 of 9 caught, 5 by the champion) is lost" in finding.reason


def test_an_owner_who_asks_for_no_recall_loses_no_type() -> None:
    assert found({"crack": [0] * 9}, {"crack": [1] * 9}, caught_min=0.0).outcome == "passed"


def test_without_types_that_could_be_lost_the_rule_does_not_apply() -> None:
    good = candidate(answers({"good": [0] * 9}))
    made = good.model_copy(update={"synthetic": True})
    for case, says in (
        (Case(good, None, GateSettings()), "there is no champion yet"),
        (Case(made, made, GateSettings()), "there are no defective test images"),
        (Case(good, good, GateSettings()), "the champion catches none"),
    ):
        (finding,) = defect_types(case)
        assert (finding.outcome, finding.reason) == ("not applicable", f"recall by defect type not compared: {says}")
