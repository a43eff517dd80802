"""Table-driven: figures in, verdict and words out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tocoad.config import GateSettings
from tocoad.gate.decide import decide
from tocoad.gate.records import Candidate, Decision, ImagePrediction
from tocoad.metrics.image import image_AUROC
from tocoad.metrics.names import METRIC_NAMES

SETTINGS = GateSettings(image_AUROC_min=0.6, pixel_AUROC_min=0.7, margin=0.01, metrics=("image_AUROC", "pixel_AUPRO"))


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
    decision = decide(_candidate(image_AUROC=image, pixel_AUROC=pixel), None, SETTINGS, seed=0)
    assert decision.verdict == verdict
    assert any(reason.startswith(says) for reason in decision.reasons)
    assert "there is no champion yet" in decision.reasons[-1]
    assert decision.figures["image_AUROC floor"] == {"challenger": image, "floor": 0.6}


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
    decision = decide(_candidate(**challenger), _candidate(**champion), SETTINGS, seed=0)
    assert decision.verdict == verdict
    assert any(reason.startswith(says) for reason in decision.reasons)
    if verdict != "promoted":
        assert decision.reasons[0].startswith(says)


def test_only_the_metrics_of_the_settings_are_compared() -> None:
    settings = SETTINGS.model_copy(update={"metrics": ("pixel_AP",)})
    worse = _candidate(image_AUROC=0.7, pixel_AP=0.5)
    assert decide(worse, _candidate(image_AUROC=0.9, pixel_AP=0.5), settings, seed=0).verdict == "promoted"
    assert decide(worse, _candidate(image_AUROC=0.7, pixel_AP=0.6), settings, seed=0).verdict == "kept"


def _with_predictions(labels: list[int], scores: np.ndarray, prefix: str = "test") -> Candidate:
    predictions = {
        f"{prefix}/{i}.png": ImagePrediction(label, float(score))
        for i, (label, score) in enumerate(zip(labels, scores, strict=True))
    }
    auroc = image_AUROC(labels, scores)
    return Candidate(metrics={"image_AUROC": auroc}, evaluation_set="a" * 64, predictions=predictions)


LABELS = [0] * 20 + [1] * 20
CHAMPION = _with_predictions(LABELS, np.random.default_rng(0).normal(size=40) + 3 * np.array(LABELS))


def test_the_image_metric_is_judged_with_its_paired_bootstrap() -> None:
    challenger = _with_predictions(LABELS, np.random.default_rng(1).normal(size=40) + 1.0 * np.array(LABELS))
    decision = decide(challenger, CHAMPION, SETTINGS, seed=0, resamples=200)
    figures = decision.figures["image_AUROC against champion"]
    new, old = challenger.metrics["image_AUROC"], CHAMPION.metrics["image_AUROC"]
    assert new is not None
    assert old is not None
    assert decision.verdict == "kept"
    assert figures["difference"] == pytest.approx(new - old, abs=1e-12)
    assert figures["low"] < figures["difference"] < figures["high"]
    assert figures["probability_worse"] > 0.95
    assert f"P(worse by more than the margin) {figures['probability_worse']:.3f}" in decision.reasons[0]
    assert decide(challenger, CHAMPION, SETTINGS, seed=0, resamples=200) == decision


def test_the_same_detector_again_is_promoted_with_a_probability_of_zero() -> None:
    decision = decide(CHAMPION, CHAMPION, SETTINGS, seed=0, resamples=50)
    assert decision.verdict == "promoted"
    assert decision.figures["image_AUROC against champion"]["probability_worse"] == 0.0


def test_zero_resamples_compare_the_figures_alone() -> None:
    figures = decide(CHAMPION, CHAMPION, SETTINGS, seed=0, resamples=0).figures["image_AUROC against champion"]
    assert figures["difference"] == 0.0
    assert "probability_worse" not in figures


def test_another_evaluation_set_is_refused() -> None:
    with pytest.raises(ValueError, match="score both on the same one"):
        decide(_candidate("a" * 64), _candidate("b" * 64), SETTINGS, seed=0)


def test_predictions_of_other_images_are_refused() -> None:
    other = _with_predictions(LABELS, np.arange(40.0), prefix="elsewhere")
    with pytest.raises(ValueError, match="different images"):
        decide(other, CHAMPION, SETTINGS.model_copy(update={"image_AUROC_min": 0.0}), seed=0)


def test_predictions_in_another_order_are_the_same() -> None:
    assert CHAMPION.predictions is not None
    reordered = CHAMPION.model_copy(update={"predictions": dict(reversed(CHAMPION.predictions.items()))})
    assert decide(reordered, CHAMPION, SETTINGS, seed=0) == decide(CHAMPION, CHAMPION, SETTINGS, seed=0)


def test_a_decision_survives_json() -> None:
    decision = decide(CHAMPION, CHAMPION, SETTINGS, seed=0, resamples=20)
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_an_unknown_metric_is_refused_in_the_settings() -> None:
    with pytest.raises(ValidationError, match="metrics"):
        GateSettings(metrics=("image_auroc",))
