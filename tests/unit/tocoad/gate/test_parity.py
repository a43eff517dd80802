"""What passes as parity, what does not, and what the gate and a person read of it."""

from __future__ import annotations

from typing import Any

import pytest

from tocoad.gate.case import Case
from tocoad.gate.decide import decide
from tocoad.gate.parity import Parity
from tocoad.gate.records import Candidate, Evidence
from tocoad.settings.sections import GateSettings


def found(**changes: Any) -> Parity:
    same: dict[str, Any] = {
        "probes": 3,
        "same_bytes": True,
        "score_difference": 0.0,
        "map_difference": 0.0,
        "here": "Z80",
        "there": "Z80",
    }
    return Parity.model_validate({**same, **changes})


@pytest.mark.parametrize(
    ("parity", "passed", "says"),
    [
        (found(), True, "parity: in a clean process the package gives the very scores and maps of its 3 probes"),
        (found(same_bytes=False), False, "maps by 0, where the very bytes are asked for"),
        (
            found(same_bytes=False, tolerance=1e-5, score_difference=1e-6, map_difference=1e-5, there="6502"),
            True,
            "scores by up to 1e-06 of the greatest, maps by 1e-05, where 1e-05 is allowed on another processor or with "
            "other libraries (packaged on 6502, checked on Z80)",
        ),
        (found(same_bytes=False, tolerance=1e-5, map_difference=1.1e-5), False, "maps by 1.1e-05, where 1e-05 is"),
        (found(same_bytes=False, tolerance=1e-5, score_difference=0.2), False, "scores by up to 0.2 of the greatest"),
        (Parity(), True, "parity not checked: the package carries no probes, it was made before packages had any"),
        (Parity(fault="its package does not work: why"), False, "parity: its package does not work: why"),
    ],
)
def test_the_very_bytes_pass_and_elsewhere_what_rounding_makes(parity: Parity, passed: bool, says: str) -> None:
    assert parity.passed == passed == (parity.finding.outcome != "failed")
    assert says in parity.reason == parity.finding.reason
    assert "\n" not in parity.reason


def test_a_challenger_whose_package_gives_other_numbers_is_rejected_with_figures() -> None:
    candidate = Candidate(metrics={"image_AUROC": 0.9, "pixel_AUROC": 0.9}, evaluation_set="e")
    assert decide(Case(candidate, None, GateSettings(), Evidence(parity=found()))).verdict == "promoted"
    altered = found(same_bytes=False, score_difference=0.25, map_difference=0.5)
    decision = decide(Case(candidate, None, GateSettings(), Evidence(parity=altered)))
    assert decision.verdict == "rejected"
    assert decision.reasons[0] == altered.reason
    assert decision.findings[0].figures == {
        "probes": 3,
        "score_difference": 0.25,
        "map_difference": 0.5,
        "tolerance": 0,
    }
