"""Table-driven: figures in, verdict and words out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tocoad.gate.case import Case
from tocoad.gate.decide import decide, judge_champion
from tocoad.gate.finding import Figures
from tocoad.gate.parity import Parity
from tocoad.gate.records import Candidate, Decision, Evidence
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import GateSettings

SETTINGS = GateSettings(image_AUROC_min=0.6, pixel_AUROC_min=0.7, margin=0.01, metrics=("image_AUROC", "pixel_AUPRO"))


def decided(
    challenger: Candidate, champion: Candidate | None, settings: GateSettings, evidence: Evidence | None = None
) -> Decision:
    return decide(Case(challenger, champion, settings, evidence or Evidence()))


def looked_at(decision: Decision) -> dict[str, Figures]:
    return {finding.name: finding.figures for finding in decision.findings}


def _candidate(evaluation_set: str = "a" * 64, **metrics: float | None) -> Candidate:
    return Candidate(metrics={name: metrics.get(name) for name in METRIC_NAMES}, evaluation_set=evaluation_set)


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
    decision = decided(_candidate(image_AUROC=image, pixel_AUROC=pixel), None, SETTINGS)
    assert decision.verdict == verdict
    assert any(reason.startswith(says) for reason in decision.reasons)
    assert "there is no champion yet" in decision.reasons[-1]
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
    decision = decided(_candidate(**challenger), _candidate(**champion), SETTINGS)
    assert decision.verdict == verdict
    assert any(reason.startswith(says) for reason in decision.reasons)
    if verdict != "promoted":
        assert decision.reasons[0].startswith(says)


def test_only_the_metrics_of_the_settings_are_compared() -> None:
    settings = SETTINGS.model_copy(update={"metrics": ("pixel_AP",)})
    worse = _candidate(image_AUROC=0.7, pixel_AP=0.5)
    assert decided(worse, _candidate(image_AUROC=0.9, pixel_AP=0.5), settings).verdict == "promoted"
    assert decided(worse, _candidate(image_AUROC=0.7, pixel_AP=0.6), settings).verdict == "kept"


def _with_replicates(figure: float, spread: float, draws: int = 200) -> Candidate:
    """`figure` is the AUPRO; its draws lie evenly around it, the image AUROC is 0.9 in every one."""
    around = tuple(float(figure + spread * step) for step in np.linspace(-1, 1, draws))
    metrics = {"image_AUROC": 0.9, "pixel_AUPRO": figure}
    return Candidate(
        metrics=metrics, evaluation_set="a" * 64, replicates={"image_AUROC": (0.9,) * draws, "pixel_AUPRO": around}
    )


CHAMPION = _with_replicates(0.80, spread=0.0)


@pytest.mark.parametrize("metric", ["image_AUROC", "pixel_AUPRO"])
def test_every_metric_is_judged_with_its_paired_bootstrap(metric: str) -> None:
    # Differences of draws evenly from -0.05 to -0.01: three quarters are beyond the margin of 0.02.
    champion, challenger = (
        Candidate(metrics={metric: figure}, evaluation_set="a" * 64, replicates={metric: draws})
        for figure, draws in ((0.8, (0.8,) * 401), (0.77, tuple(np.linspace(0.75, 0.79, 401).tolist())))
    )
    settings = SETTINGS.model_copy(update={"margin": 0.02, "metrics": (metric,)})
    decision = decided(challenger, champion, settings)
    figures = looked_at(decision)[f"{metric} against champion"]
    assert decision.verdict == "kept"
    assert figures["difference"] == pytest.approx(-0.03, abs=1e-12)
    assert (figures["low"], figures["high"]) == (pytest.approx(-0.049, abs=1e-9), pytest.approx(-0.011, abs=1e-9))
    assert figures["probability_worse"] == pytest.approx(0.75, abs=0.003)
    assert decision.reasons[0].endswith(
        f"(difference -0.0300; 95 % interval -0.0490 to -0.0110, P(worse by more than the margin) "
        f"{figures['probability_worse']:.3f})"
    )


def test_the_verdict_goes_by_the_exact_difference_however_wide_the_interval() -> None:
    settings = SETTINGS.model_copy(update={"margin": 0.01, "metrics": ("pixel_AUPRO",)})
    for figure, verdict in ((0.795, "promoted"), (0.785, "kept")):
        decision = decided(_with_replicates(figure, spread=0.2), CHAMPION, settings)
        assert decision.verdict == verdict
        figures = looked_at(decision)["pixel_AUPRO against champion"]
        assert figures["low"] < -0.15
        assert figures["high"] > 0.15


def test_the_same_detector_again_is_promoted_with_a_probability_of_zero() -> None:
    decision = decided(CHAMPION, CHAMPION, SETTINGS)
    assert decision.verdict == "promoted"
    for metric in ("image_AUROC", "pixel_AUPRO"):
        assert looked_at(decision)[f"{metric} against champion"]["probability_worse"] == 0.0


def test_without_replicates_the_figures_alone_are_compared() -> None:
    alone = CHAMPION.model_copy(update={"replicates": None})
    for challenger, champion in ((alone, CHAMPION), (CHAMPION, alone), (alone, alone)):
        figures = looked_at(decided(challenger, champion, SETTINGS))["pixel_AUPRO against champion"]
        assert figures["difference"] == 0.0
        assert "probability_worse" not in figures


def test_another_evaluation_set_is_refused() -> None:
    with pytest.raises(ValueError, match="score both on the same one"):
        decided(_candidate("a" * 64), _candidate("b" * 64), SETTINGS)


def test_replicates_of_other_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="200 and 100 bootstrap draws"):
        decided(CHAMPION, _with_replicates(0.8, spread=0.0, draws=100), SETTINGS)


def test_a_decision_survives_json() -> None:
    decision = decided(CHAMPION, CHAMPION, SETTINGS)
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_an_unknown_metric_is_refused_in_the_settings() -> None:
    with pytest.raises(ValidationError, match="metrics"):
        GateSettings(metrics=("image_auroc",))


def test_a_package_without_parity_is_rejected_whatever_its_figures() -> None:
    broken = Evidence(parity=Parity(fault="its package does not work: why"))
    better = decided(_candidate(image_AUROC=0.9), _candidate(image_AUROC=0.8), SETTINGS, broken)
    assert (better.verdict, better.reasons[0]) == ("rejected", "parity: its package does not work: why")
    whole = Evidence(parity=Parity(probes=3, same_bytes=True))
    assert decided(_candidate(image_AUROC=0.9), None, SETTINGS, whole).verdict == "promoted"


def test_what_does_not_apply_is_not_called_passed() -> None:
    decision = decided(_candidate(), None, SETTINGS)
    assert {finding.outcome for finding in decision.findings} == {"not applicable"}
    assert "parity: it was not checked" in decision.reasons


@pytest.mark.parametrize(
    ("approval", "verdict"), [("none", "promoted"), ("when_unsure", "promoted"), ("required", "waiting")]
)
def test_a_person_is_asked_where_the_settings_want_it(approval: str, verdict: str) -> None:
    settings = SETTINGS.model_copy(update={"approval": approval})
    good, bad = _candidate(image_AUROC=0.9), _candidate(image_AUROC=0.1)
    assert decided(good, good, settings).verdict == verdict
    assert decided(bad, good, settings).verdict == "rejected"


def test_a_champion_is_judged_anew_by_the_floors() -> None:
    low, high = judge_champion(_candidate(image_AUROC=0.3), SETTINGS), judge_champion(_candidate(), SETTINGS)
    assert (low.verdict, low.reasons[0]) == ("rejected", "image_AUROC 0.3000 is below the floor 0.6")
    assert high.verdict == "promoted" and "judged anew" in high.reasons[-1]
