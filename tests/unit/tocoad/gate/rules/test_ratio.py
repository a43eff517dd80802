"""Time and bytes as multiples of the champion's."""

from __future__ import annotations

import pytest

from tests.helpers.candidates import candidate
from tocoad.gate.case import Case
from tocoad.gate.records import Evidence, Speed
from tocoad.gate.rules.latency import latency
from tocoad.gate.rules.size import size
from tocoad.settings.sections import GateSettings

SETTINGS = GateSettings(latency_ratio_max=1.5, size_ratio_max=2.0)
ANY = candidate()


def measured(ratio: float, size_ratio: float) -> Case:
    speed = Speed(
        challenger_ms=10 * ratio,
        champion_ms=10,
        ratio=ratio,
        images=32,
        device="cpu",
        challenger_bytes=int(13e6 * size_ratio),
        champion_bytes=int(13e6),
    )
    return Case(ANY, ANY, SETTINGS, Evidence(speed=speed))


@pytest.mark.parametrize(("ratio", "outcome", "says"), [(1.5, "passed", "at most 1.5"), (1.51, "failed", "above 1.5")])
def test_a_challenger_that_takes_longer_than_the_owner_allows_fails(ratio: float, outcome: str, says: str) -> None:
    (finding,) = latency(measured(ratio, 1))
    assert (finding.outcome, finding.figures["ratio"], finding.figures["limit"]) == (outcome, ratio, 1.5)
    told = f"latency: {10 * ratio:.1f} ms an image where the champion takes 10.0, in turns on 32 images (cpu)"
    assert finding.reason == f"{told}; {ratio:.2f} times as much, {says}"


@pytest.mark.parametrize(("ratio", "outcome"), [(0.5, "passed"), (2.0, "passed"), (2.1, "failed")])
def test_a_package_that_is_larger_than_the_owner_allows_fails(ratio: float, outcome: str) -> None:
    (finding,) = size(measured(1, ratio))
    assert (finding.outcome, finding.figures["ratio"]) == (outcome, pytest.approx(ratio, rel=1e-6))
    assert finding.reason.startswith(f"size: {13 * ratio:.2f} MB where the champion has 13.00; ")


def test_what_was_not_measured_is_not_compared() -> None:
    for rule, name in ((latency, "latency"), (size, "size")):
        (alone,), (unknown,) = rule(Case(ANY, None, SETTINGS)), rule(Case(ANY, ANY, SETTINGS))
        assert alone.outcome == unknown.outcome == "not applicable"
        assert alone.reason == f"{name} not compared: there is no champion yet"
        assert unknown.reason == f"{name} not compared: it was not measured"
