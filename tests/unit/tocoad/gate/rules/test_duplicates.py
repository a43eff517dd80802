"""Test images that were trained on."""

from __future__ import annotations

import pytest

from tests.helpers.candidates import candidate
from tocoad.gate.case import Case
from tocoad.gate.records import Evidence, TestData
from tocoad.gate.rules.duplicates import duplicates
from tocoad.settings.sections import GateSettings


@pytest.mark.parametrize(
    ("names", "outcome", "says"),
    [
        ((), "passed", "no test image was trained on"),
        (("a.png",), "failed", "test images that were trained on: a.png; take them out (tocoad data add --remove)"),
        (tuple("abcde"), "failed", "test images that were trained on: a, b, c and 2 more; take them out"),
    ],
)
def test_one_that_was_trained_on_is_named(names: tuple[str, ...], outcome: str, says: str) -> None:
    data = TestData(images={"good": 10, "crack": 5}, duplicates=names)
    (finding,) = duplicates(Case(candidate(), None, GateSettings(), Evidence(data=data)))
    assert finding.outcome == outcome and finding.reason.startswith(says)
    assert finding.figures == {"images": 15, "duplicates": len(names)}


def test_that_nobody_looked_is_not_called_passed() -> None:
    (finding,) = duplicates(Case(candidate(), None, GateSettings()))
    assert finding.outcome == "not applicable"
