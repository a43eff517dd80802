"""Table-driven: figures in, verdict and words out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.helpers.candidates import answers, candidate
from tocoad.gate.case import Case
from tocoad.gate.decide import decide, judge_champion
from tocoad.gate.finding import Figures
from tocoad.gate.parity import Parity
from tocoad.gate.records import Candidate, Decision, Evidence, Promise, Speed, TestData
from tocoad.settings.sections import GateSettings

SETTINGS = GateSettings(
    image_AUROC_min=0.6, pixel_AUROC_min=0.7, margin=0.01, images_min=10, metrics=("image_AUROC", "pixel_AUPRO")
)


def decided(
    challenger: Candidate, champion: Candidate | None, settings: GateSettings, evidence: Evidence | None = None
) -> Decision:
    return decide(Case(challenger, champion, settings, evidence or Evidence()))


def looked_at(decision: Decision) -> dict[str, Figures]:
    return {finding.name: finding.figures for finding in decision.findings}


@pytest.mark.parametrize(
    ("image", "pixel", "verdict", "says"),
    [
        (0.9, 0.9, "promoted", "image_AUROC 0.9000 reaches the floor 0.6"),
        (0.6, 0.7, "promoted", "pixel_AUROC 0.7000 reaches the floor 0.7"),
        (0.59, 0.9, "rejected", "image_AUROC 0.5900 is below the floor 0.6"),
        (0.9, 0.69, "rejected", "pixel_AUROC 0.6900 is below the floor 0.7"),
        (0.9, None, "promoted", "pixel_AUROC floor skipped: the data cannot tell"),
        (None, None, "promoted", "image_AUROC floor skipped: the data cannot tell"),
        (None, 0.5, "rejected", "pixel_AUROC 0.5000 is below the floor 0.7"),
    ],
)
def test_a_first_version_is_judged_by_the_floors(
    image: float | None, pixel: float | None, verdict: str, says: str
) -> None:
    decision = decided(candidate(image_AUROC=image, pixel_AUROC=pixel), None, SETTINGS)
    assert decision.verdict == verdict
    assert any(reason.startswith(says) for reason in decision.reasons)
    against = [finding for finding in decision.findings if finding.outcome in ("failed", "unsure")]
    assert decision.reasons[len(against)].startswith("there is no champion yet: a first version is judged by")
    assert looked_at(decision)["image_AUROC floor"] == {"challenger": image, "floor": 0.6}


@pytest.mark.parametrize(
    ("challenger", "champion", "verdict", "says"),
    [
        ({"image_AUROC": 0.9}, {"image_AUROC": 0.9}, "promoted", "image_AUROC 0.9000 is not worse than"),
        ({"image_AUROC": 0.89}, {"image_AUROC": 0.9}, "promoted", "image_AUROC 0.8900 is not worse than"),
        ({"image_AUROC": 0.88}, {"image_AUROC": 0.9}, "kept", "image_AUROC 0.8800 is worse than"),
        ({"pixel_AUPRO": 0.70}, {"pixel_AUPRO": 0.72}, "kept", "pixel_AUPRO 0.7000 is worse than"),
        ({"pixel_AUPRO": 0.95}, {"pixel_AUPRO": 0.72}, "promoted", "pixel_AUPRO 0.9500 is not worse than"),
        ({"image_AUROC": 0.5}, {"image_AUROC": 0.9}, "rejected", "image_AUROC 0.5000 is below the floor"),
        ({"image_AP": 0.1}, {"image_AP": 0.9}, "promoted", "image_AUROC not compared: the champion has no figure"),
        ({}, {"image_AUROC": 0.9}, "kept", "image_AUROC is missing where the champion has 0.9000"),
    ],
)
def test_later_versions_may_not_be_worse_than_the_champion_by_more_than_the_margin(
    challenger: dict[str, Any], champion: dict[str, Any], verdict: str, says: str
) -> None:
    decision = decided(candidate(**challenger), candidate(**champion), SETTINGS)
    assert decision.verdict == verdict
    assert any(reason.startswith(says) for reason in decision.reasons)
    if "not compared" not in says:
        assert decision.reasons[0].startswith(says), "what decided is said first"


def test_only_the_metrics_of_the_settings_are_compared() -> None:
    settings = SETTINGS.model_copy(update={"metrics": ("pixel_AP",)})
    worse = candidate(image_AUROC=0.7, pixel_AP=0.5)
    assert decided(worse, candidate(image_AUROC=0.9, pixel_AP=0.5), settings).verdict == "promoted"
    assert decided(worse, candidate(image_AUROC=0.7, pixel_AP=0.6), settings).verdict == "kept"


CHAMPION = candidate(image_AUROC=0.9, pixel_AUPRO=0.8)


def test_another_evaluation_set_is_refused() -> None:
    with pytest.raises(ValueError, match="score both on the same one"):
        decided(candidate(evaluation_set="a"), candidate(evaluation_set="b"), SETTINGS)


def test_replicates_of_other_draws_are_refused() -> None:
    fewer = CHAMPION.model_copy(update={"replicates": {"image_AUROC": (0.9,) * 5}})
    with pytest.raises(ValueError, match="20 and 5 bootstrap draws"):
        decided(CHAMPION, fewer, SETTINGS)


def test_a_decision_survives_json() -> None:
    decision = decided(CHAMPION, CHAMPION, SETTINGS)
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_an_unknown_metric_is_refused_in_the_settings() -> None:
    with pytest.raises(ValidationError, match="metrics"):
        GateSettings(metrics=("image_auroc",))


def test_a_package_without_parity_is_rejected_whatever_its_figures() -> None:
    broken = Evidence(parity=Parity(fault="its package does not work: why"))
    better = decided(candidate(image_AUROC=0.9), candidate(image_AUROC=0.8), SETTINGS, broken)
    assert (better.verdict, better.reasons[0]) == ("rejected", "parity: its package does not work: why")
    whole = Evidence(parity=Parity(probes=3, same_bytes=True))
    assert decided(candidate(image_AUROC=0.9), None, SETTINGS, whole).verdict == "promoted"


def test_what_does_not_apply_is_not_called_passed() -> None:
    decision = decided(candidate(), None, SETTINGS)
    assert {finding.outcome for finding in decision.findings} == {"not applicable"}
    assert "parity: it was not checked" in decision.reasons


@pytest.mark.parametrize(
    ("approval", "verdict"), [("none", "promoted"), ("when_unsure", "promoted"), ("required", "waiting")]
)
def test_a_person_is_asked_where_the_settings_want_it(approval: str, verdict: str) -> None:
    settings = SETTINGS.model_copy(update={"approval": approval})
    good, bad = candidate(image_AUROC=0.9), candidate(image_AUROC=0.1)
    assert decided(good, good, settings).verdict == verdict
    assert decided(bad, good, settings).verdict == "rejected"


@pytest.mark.parametrize(
    ("choice", "verdict", "ends"),
    [
        ({}, "kept", "are too few to tell, and gate.when_unsure is keep"),
        (
            {"when_unsure": "promote"},
            "promoted",
            "are too few to tell, and gate.when_unsure is promote",
        ),
    ],
)
def test_where_the_images_are_too_few_the_verdict_says_so_and_the_owner_decides(
    choice: dict[str, str], verdict: str, ends: str
) -> None:
    few = candidate(answers({"good": [0] * 9, "crack": [1] * 20}), image_AUROC=1.0)
    decision = decided(few, few, SETTINGS.model_copy(update=choice))
    unsure = [finding for finding in decision.findings if finding.outcome == "unsure"]
    assert decision.verdict == verdict and decision.reasons[len(unsure)].endswith(ends)
    assert decision.reasons[0].endswith("9 good and 20 defective images, gate.images_min asks for 10 of each")


@pytest.mark.parametrize("choice", [{"when_unsure": "promote", "approval": "when_unsure"}, {"approval": "required"}])
def test_that_a_person_is_asked_is_said_first_and_why_after_it(choice: dict[str, str]) -> None:
    few = candidate(answers({"good": [0] * 9, "crack": [1] * 20}), image_AUROC=1.0)
    decision = decided(few, few, SETTINGS.model_copy(update=choice))
    assert (decision.verdict, decision.reasons[0]) == ("waiting", "a person is to say: tocoad approve")
    assert decision.reasons[1].endswith("9 good and 20 defective images, gate.images_min asks for 10 of each")


REJECTS_ALL = candidate(
    answers({"good": [1] * 30, "crack": [1] * 30}),
    Promise(calibration_images=99, expected_false_reject_rate=0.01),
    image_AUROC=0.9,
)
MISSES_ALL = candidate(answers({"good": [0] * 10, "crack": [0] * 10}), image_AUROC=0.8)
SPEED = Speed(challenger_ms=20, champion_ms=10, ratio=2.0, images=9, device="cpu", challenger_bytes=9, champion_bytes=3)
SLOW, LARGE = SPEED, SPEED.model_copy(update={"ratio": 1.0})
COPIED = TestData(images={"good": 1}, before={"good": 9}, duplicates=("a.png",))
SHRUNK = COPIED.model_copy(update={"duplicates": ()})


@pytest.mark.parametrize(
    ("challenger", "evidence", "verdict", "says"),
    [
        (candidate(image_AUROC=0.9), Evidence(data=COPIED, speed=SLOW), "rejected", "test images that were trained on"),
        (candidate(image_AUROC=0.5), Evidence(data=SHRUNK, speed=SLOW), "rejected", "image_AUROC 0.5000 is below"),
        (
            candidate(image_AUROC=0.8),
            Evidence(data=SHRUNK, speed=SLOW),
            "kept",
            "test images: 1 of 9 good ones",
        ),
        (REJECTS_ALL, Evidence(speed=SLOW), "kept", "30 of 30 good test images are rejected"),
        (
            candidate(answers({"good": [0] * 9, "crack": [0] * 9}), image_AUROC=0.8),
            Evidence(speed=SLOW),
            "kept",
            "lost is",
        ),
        (candidate(image_AUROC=0.8), Evidence(speed=SLOW), "kept", "image_AUROC 0.8000 is worse than"),
        (candidate(image_AUROC=0.9), Evidence(speed=SLOW), "kept", "latency: 20.0 ms"),
        (candidate(image_AUROC=0.9), Evidence(speed=LARGE), "kept", "size: 0.00 MB"),
        (candidate(image_AUROC=0.9), Evidence(), "promoted", "image_AUROC 0.9000 is not worse than"),
    ],
)
def test_the_first_rule_that_fails_decides_and_the_sentence_is_told_first(
    challenger: Candidate, evidence: Evidence, verdict: str, says: str
) -> None:
    decision = decided(challenger, candidate(image_AUROC=0.9), SETTINGS, evidence)
    assert decision.verdict == verdict
    assert decision.reasons[0].startswith(says)


def test_a_first_version_that_breaks_its_promise_is_rejected_for_there_is_none_to_be_kept() -> None:
    assert decided(REJECTS_ALL, None, SETTINGS).verdict == "rejected"


def test_a_champion_is_judged_anew_by_the_floors() -> None:
    low, high = judge_champion(candidate(image_AUROC=0.3), SETTINGS), judge_champion(candidate(), SETTINGS)
    assert (low.verdict, low.reasons[0]) == ("rejected", "image_AUROC 0.3000 is below the floor 0.6")
    assert high.verdict == "promoted" and "judged anew" in high.reasons[0]
