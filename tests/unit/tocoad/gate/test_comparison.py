"""Champion and challenger image by image: counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tocoad.gate.comparison import Comparison, Contestant, Kind, side_by_side
from tocoad.gate.records import Candidate, ImageResult, Promise
from tocoad.metrics.names import METRIC_NAMES

NEW, OLD = (Contestant(version=number, method="tocoad", package=str(number) * 64) for number in (4, 3))
# Threshold 1 for both; name: defect type, the challenger's score, the champion's.
IMAGES = {
    "crack/0": ("crack", 2.0, 3.0),
    "crack/1": ("crack", 0.8, 2.0),  # lost
    "crack/2": ("crack", 0.2, 1.1),  # lost, and by more
    "crack/3": ("crack", 1.5, 0.5),  # gained
    "dent/0": ("dent", 4.0, 0.9),  # gained
    "dent/1": ("dent", 0.5, 0.6),  # missed by both
    "good/0": ("good", 0.1, 0.3),
    "good/1": ("good", 1.2, 0.4),  # lost
    "good/2": ("good", 5.0, 0.4),  # lost, and by more
    "good/3": ("good", 0.4, 1.9),  # gained
}


def candidate(
    scores: dict[str, float], draws: dict[str, tuple[float, ...]] | None = None, evaluation_set: str = "e"
) -> Candidate:
    images = tuple(
        ImageResult(
            image_path=name,
            defect_type=IMAGES[name][0],
            gt_label=int(IMAGES[name][0] != "good"),
            pred_score=score,
            pred_label=score > 1,
        )
        for name, score in scores.items()
    )
    metrics = dict.fromkeys(METRIC_NAMES) | {name: values[0] for name, values in (draws or {}).items()}
    promise = Promise(calibration_images=99, expected_false_reject_rate=0.01, threshold=1.0)
    return Candidate(metrics=metrics, evaluation_set=evaluation_set, replicates=draws, images=images, promise=promise)


@pytest.fixture
def compared() -> Comparison:
    new = candidate({name: one[1] for name, one in IMAGES.items()})
    old = candidate({name: one[2] for name, one in reversed(IMAGES.items())})
    return side_by_side(new, old, NEW, OLD)


def test_what_the_challenger_gets_wrong_comes_first_and_missed_defects_before_all(compared: Comparison) -> None:
    assert [one.image_path for one in compared.changed] == [
        *("crack/2", "crack/1"),  # missed, from the lowest score
        *("good/2", "good/1"),  # rejected, from the highest
        *("crack/3", "dent/0"),  # caught, from what the champion missed by most
        "good/3",
    ]
    assert [one.worse for one in compared.changed] == [True] * 4 + [False] * 3
    worst = compared.changed[0]
    assert (worst.challenger_rejects, worst.challenger_score, worst.champion_score) == (False, 0.2, 1.1)
    assert compared.thresholds == (1.0, 1.0) and compared.images == 10


def test_each_type_counts_what_both_have_right_and_what_one_alone_has(compared: Comparison) -> None:
    assert compared.kinds == (
        Kind(defect_type="crack", good=False, images=4, challenger=2, champion=3, lost=2, gained=1),
        Kind(defect_type="dent", good=False, images=2, challenger=1, champion=0, lost=0, gained=1),
        Kind(defect_type="good", good=True, images=4, challenger=2, champion=3, lost=2, gained=1),
    )


def test_a_figure_has_the_interval_of_its_paired_differences() -> None:
    # Draws that swing together: the difference is between 0.01 and 0.03 in every one, whatever both swing by.
    swing = np.linspace(0.5, 0.9, 401)
    gain = np.linspace(0.01, 0.03, 401)
    new = candidate({}, {"image_AUROC": tuple((swing + gain).tolist())})
    old = candidate({}, {"image_AUROC": tuple(swing.tolist()), "image_AP": (0.8,) * 401})
    figures = {pair.metric: pair for pair in side_by_side(new, old, NEW, OLD).figures}
    assert list(figures) == list(METRIC_NAMES)
    judged = figures["image_AUROC"]
    assert judged.difference == pytest.approx(0.01)
    assert judged.interval == (pytest.approx(0.0105), pytest.approx(0.0295))
    assert judged.champion_interval == (pytest.approx(0.51), pytest.approx(0.89))
    assert judged.challenger_interval == (pytest.approx(0.5205), pytest.approx(0.9195))
    assert (figures["image_AP"].difference, figures["image_AP"].interval) == (None, None)


def test_without_draws_figures_stand_without_intervals() -> None:
    one = Candidate(metrics={"image_AUROC": 0.9}, evaluation_set="e")
    pair = side_by_side(one, one, NEW, OLD).figures[0]
    assert (pair.difference, pair.interval) == (0.0, None)


def test_made_anomalies_are_counted_apart_in_their_order_and_are_no_test_images() -> None:
    def on_normals(*scores: float) -> Candidate:
        made = tuple(
            ImageResult(
                image_path="good/0",  # all on one
                defect_type="made" if label else "good",
                gt_label=label,
                pred_score=score,
                pred_label=score > 1,
            )
            for label, score in zip((1, 0, 1, 1, 0), scores, strict=True)
        )
        good = candidate({"good/0": 0.1})
        return good.model_copy(update={"synthetic": True, "made": made})

    found = side_by_side(on_normals(2, 9, 2, 0, 0), on_normals(2, 0, 0, 2, 9), NEW, OLD)
    assert found.synthetic and found.images == 1 and not found.changed
    assert found.made == Kind(defect_type="made", good=False, images=3, challenger=2, champion=2, lost=1, gained=1)


def test_other_test_images_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="score both on the same one"):
        side_by_side(candidate({}), candidate({}, evaluation_set="f"), NEW, OLD)


def test_a_record_reads_back_as_it_was(compared: Comparison) -> None:
    assert Comparison.model_validate_json(compared.model_dump_json()) == compared
