"""When it is settled that a challenger is not worse than the champion, and when the images cannot tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers.candidates import TEN_EACH, answers, candidate
from tocoad.gate.case import Case
from tocoad.gate.finding import Finding
from tocoad.gate.records import Candidate
from tocoad.gate.rules.non_regression import non_regression
from tocoad.settings.sections import GateSettings

SETTINGS = GateSettings(margin=0.02, risk=0.1, images_min=10, metrics=("pixel_AUPRO",))


def found(challenger: Candidate, champion: Candidate | None, **changes: Any) -> Finding:
    (finding,) = non_regression(Case(challenger, champion, SETTINGS.model_copy(update=changes)))
    return finding


def drawn(figure: float, *draws: float) -> Candidate:
    return candidate(pixel_AUPRO=figure).model_copy(update={"replicates": {"pixel_AUPRO": draws}})


CHAMPION = drawn(0.8, *[0.8] * 200)


@pytest.mark.parametrize(("worse", "outcome"), [(0, "passed"), (20, "passed"), (21, "unsure"), (150, "unsure")])
def test_it_is_settled_while_the_probability_of_being_worse_by_more_than_the_margin_is_at_most_the_risk(
    worse: int, outcome: str
) -> None:
    challenger = drawn(0.79, *[0.77] * worse, *[0.79] * (200 - worse))
    finding = found(challenger, CHAMPION)
    assert (finding.outcome, finding.figures["probability_worse"]) == (outcome, worse / 200)
    assert finding.reason.startswith(f"pixel_AUPRO 0.7900 {'is not' if outcome == 'passed' else 'may be'} worse than")
    if outcome == "unsure":
        assert finding.reason.endswith("too probable for gate.risk 0.1")


def test_a_figure_that_is_worse_by_more_than_the_margin_fails_on_however_few_images_and_draws() -> None:
    few = CHAMPION.model_copy(update={"images": (), "replicates": None})
    for challenger in (drawn(0.77, *[0.9] * 200), few.model_copy(update={"metrics": {"pixel_AUPRO": 0.77}})):
        finding = found(challenger, CHAMPION)
        assert (finding.outcome, finding.figures["difference"]) == ("failed", pytest.approx(-0.03))


def test_the_margin_itself_is_allowed_whatever_decimal_text_made_of_it() -> None:
    assert found(candidate(pixel_AUPRO=0.78), candidate(pixel_AUPRO=0.80)).outcome == "passed"


@pytest.mark.parametrize(
    ("good", "defective", "outcome"), [(10, 10, "passed"), (9, 100, "unsure"), (100, 9, "unsure"), (0, 0, "unsure")]
)
def test_nothing_is_settled_on_fewer_good_or_defective_images_than_the_owner_asks_for(
    good: int, defective: int, outcome: str
) -> None:
    same = candidate(answers({"good": [0] * good, "crack": [1] * defective}), pixel_AUPRO=0.9)
    finding = found(same, same)
    assert finding.outcome == outcome
    said = f"{good} good and {defective} defective images, gate.images_min asks for 10 of each"
    assert finding.reason.endswith(said) == (outcome == "unsure")
    assert found(same, same, images_min=max(min(good, defective), 1)).outcome == ("passed" if good else "unsure")


def test_without_bootstrap_draws_nothing_is_settled() -> None:
    alone = CHAMPION.model_copy(update={"replicates": None})
    for challenger, champion in ((alone, CHAMPION), (CHAMPION, alone), (alone, alone)):
        finding = found(challenger, champion)
        assert (finding.outcome, finding.figures["difference"]) == ("unsure", 0.0)
        assert finding.reason.endswith("there are no bootstrap draws (evaluation.bootstrap)")
        assert "probability_worse" not in finding.figures


@pytest.mark.parametrize("metric", ["image_AUROC", "pixel_AUPRO"])
def test_every_metric_is_told_with_its_paired_interval(metric: str) -> None:
    # Differences of draws evenly from -0.05 to -0.01: three quarters are beyond the margin of 0.02.
    champion, challenger = (
        Candidate(metrics={metric: figure}, evaluation_set="a", replicates={metric: draws}, images=TEN_EACH)
        for figure, draws in ((0.8, (0.8,) * 401), (0.77, tuple(np.linspace(0.75, 0.79, 401).tolist())))
    )
    finding = found(challenger, champion, metrics=(metric,))
    figures = finding.figures
    assert finding.outcome == "failed"
    assert figures["difference"] == pytest.approx(-0.03, abs=1e-12)
    assert (figures["low"], figures["high"]) == (pytest.approx(-0.049, abs=1e-9), pytest.approx(-0.011, abs=1e-9))
    assert figures["probability_worse"] == pytest.approx(0.75, abs=0.003)
    assert finding.reason.endswith(
        f"(difference -0.0300; 95 % interval -0.0490 to -0.0110, P(worse by more than the margin) "
        f"{figures['probability_worse']:.3f})"
    )


def test_the_same_detector_again_is_passed_with_a_probability_of_zero() -> None:
    finding = found(CHAMPION, CHAMPION)
    assert (finding.outcome, finding.figures["probability_worse"]) == ("passed", 0.0)


def test_figures_of_made_anomalies_are_called_so() -> None:
    only_good = candidate(answers({"good": [0] * 9}), pixel_AUPRO=0.8)
    made = only_good.model_copy(update={"synthetic": True, "made": TEN_EACH})
    finding = found(made, made)
    assert finding.outcome == "passed"
    told = "pixel_AUPRO 0.8000 on made anomalies, which stand in for defects, is not worse than"
    assert finding.reason.startswith(told)


@pytest.mark.parametrize(
    ("new", "old", "outcome", "says"),
    [
        (None, None, "not applicable", "pixel_AUPRO not compared: the champion has no figure"),
        (0.9, None, "not applicable", "pixel_AUPRO not compared: the champion has no figure"),
        (None, 0.9, "failed", "pixel_AUPRO is missing where the champion has 0.9000"),
    ],
)
def test_a_figure_may_not_be_lost_and_one_that_the_champion_has_not_is_not_compared(
    new: float | None, old: float | None, outcome: str, says: str
) -> None:
    finding = found(candidate(pixel_AUPRO=new), candidate(pixel_AUPRO=old))
    assert (finding.outcome, finding.reason) == (outcome, says)


def test_a_first_version_meets_nobody() -> None:
    finding = found(CHAMPION, None)
    assert (finding.outcome, finding.reason) == ("not applicable", "figures not compared: there is no champion yet")
