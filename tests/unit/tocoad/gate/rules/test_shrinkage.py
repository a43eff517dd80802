"""A test set that lost what the champion was tested on."""

from __future__ import annotations

import pytest

from tests.helpers.candidates import candidate
from tocoad.gate.case import Case
from tocoad.gate.finding import Finding
from tocoad.gate.records import Evidence, TestData
from tocoad.gate.rules.shrinkage import shrinkage
from tocoad.settings.sections import GateSettings

BEFORE = {"good": 20, "crack": 18, "dent": 2}
ANY = candidate()


def found(now: dict[str, int], before: dict[str, int] | None = BEFORE) -> Finding:
    data = TestData(images=now, before=before)
    (finding,) = shrinkage(Case(ANY, ANY, GateSettings(shrink_max=0.1), Evidence(data=data)))
    return finding


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        ({"good": 17, "crack": 18, "dent": 2}, "17 of 20 good ones are left (gate.shrink_max 0.1)"),
        ({"good": 20, "crack": 15, "dent": 2}, "17 of 20 defective ones are left (gate.shrink_max 0.1)"),
        ({"good": 20, "crack": 18}, "none of 2 of type dent is left (gate.shrink_max 0.1)"),
        ({"good": 20, "crack": 90, "dent": 0}, "none of 2 of type dent is left (gate.shrink_max 0.1)"),
        ({"crack": 18}, "0 of 20 good ones are left, none of 2 of type dent is left (gate.shrink_max 0.1)"),
    ],
)
def test_images_or_a_type_of_defect_that_are_gone_fail(now: dict[str, int], fault: str) -> None:
    finding = found(now)
    assert (finding.outcome, finding.reason) == (
        "failed",
        f"test images: {fault}; if they were taken out on purpose, tocoad promote makes this version champion",
    )


@pytest.mark.parametrize(
    "now", [BEFORE, {"good": 18, "crack": 16, "dent": 2}, {"good": 900, "crack": 1, "dent": 1, "new": 16}]
)
def test_few_that_are_gone_and_any_that_came_pass(now: dict[str, int]) -> None:
    finding = found(now)
    assert finding.outcome == "passed"
    assert finding.reason.endswith("the champion was judged first on 20 and 20")
    assert finding.figures["defective now"] == sum(now.values()) - now["good"]


def test_what_is_not_known_is_not_compared() -> None:
    assert found(BEFORE, before=None).outcome == "not applicable"
    (nothing,) = shrinkage(Case(ANY, None, GateSettings()))
    assert (nothing.outcome, nothing.reason) == ("not applicable", "test images not compared: there is no champion yet")
