from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from report_files import Made, write_category

from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.assessment import (
    Assessment,
    against_control,
    assess,
    catches,
    promise,
    rejects,
    weakest_type,
)
from tocoad.report.evidence import Evidence, read_evidence
from tocoad.report.rates import Rate

PROMOTED = {"verdict": "promoted"}
# Nothing to hold against it: 100 of 100 caught, 1 of 150 rejected.
CLEAN = Made(scores={"good": [*[5.0] * 149, 11.0], "crack": [15.0] * 50, "dent": [16.0] * 50})


def _plain(text: str | None) -> str:
    return (text or "").replace("\u00a0", " ").replace("\u2060", "").replace("–", "-")


@pytest.fixture
def judge(workspace: Workspace, bolt: Category) -> Any:
    def made(mine: Made, control: Made | None = None, verdict: Any = PROMOTED) -> tuple[Evidence, Assessment]:
        write_category(workspace, bolt, "tocoad", replace(mine, gallery=False))
        if control is not None:
            write_category(workspace, bolt, "patchcore", replace(control, gallery=False))
        evidence = read_evidence(workspace, bolt, "tocoad")
        return evidence, assess(evidence, verdict)

    return made


def test_says_what_is_caught_and_rejected_with_exact_intervals() -> None:
    # Clopper-Pearson's tables: 60 of 63 and 1 of 20.
    assert (
        _plain(catches(Rate(60, 63))) == "Catches 60 of 63 defective test images (95.2 %, 95 % interval 86.7-99.0 %)."
    )
    assert _plain(rejects(Rate(1, 20))) == "Rejects 1 of 20 good ones (5.0 %, 95 % interval 0.1-24.9 %)."
    assert "nothing is known" in catches(Rate(0, 0)) and "nothing is known" in rejects(Rate(0, 0))


def test_a_promoted_detector_without_a_flaw_may_ship(judge: Any) -> None:
    evidence, assessment = judge(CLEAN)
    assert (assessment.state, assessment.points, assessment.cautions) == ("ship", (), ())
    assert weakest_type(evidence) == "No defect type has a miss."
    assert against_control(evidence) is None


@pytest.mark.parametrize("verdict", ["kept", "rejected"])
def test_the_gate_has_the_last_word(judge: Any, verdict: str) -> None:
    _, assessment = judge(CLEAN, verdict={"verdict": verdict, "reasons": ["version 2 was rolled back", "image_AUROC"]})
    assert assessment.state == "stop"
    assert assessment.headline == f"Not as it is: the gate said “{verdict}” (version 2 was rolled back)."


def test_without_a_verdict_it_needs_a_look(judge: Any) -> None:
    _, assessment = judge(CLEAN, verdict=None)
    assert assessment.state == "look" and len(assessment.points) == 1 and "gate" in assessment.points[0]


def test_what_waits_for_a_person_says_how_to_answer(judge: Any) -> None:
    _, assessment = judge(CLEAN, verdict={"verdict": "waiting", "reasons": ["a person is to say: tocoad approve"]})
    assert (assessment.state, assessment.points) == (
        "look",
        ("It waits for a person's answer: tocoad approve toys bolt --reason TEXT, or with --reject.",),
    )


def test_misses_and_a_weak_type_are_points(judge: Any) -> None:
    made = Made(scores={"good": [5.0] * 100, "crack": [15.0] * 20, "dent": [9.0] * 6 + [11.0] * 4})
    evidence, assessment = judge(made)
    assert [_plain(point) for point in assessment.points] == [
        "It misses 20.0 % of the defective test images: more than 10 %.",
        "It catches less than half of dent (4 of 10).",
    ]
    assert _plain(weakest_type(evidence)).startswith("The weakest defect type is dent: 4 of 10 caught (40.0 %")


def test_false_rejects_count_only_where_chance_does_not_explain_them(judge: Any) -> None:
    # 27 calibration images promise 1/28 = 3.6 %. 2 of 20 may be chance, 8 of 20 may not.
    _, by_chance = judge(Made(scores={"good": [5.0] * 18 + [11.0] * 2, "crack": [15.0] * 20}))
    assert by_chance.state == "ship"


def test_false_rejects_beyond_chance_are_a_point(judge: Any) -> None:
    _, assessment = judge(Made(scores={"good": [5.0] * 12 + [11.0] * 8, "crack": [15.0] * 20}))
    assert [_plain(point) for point in assessment.points] == [
        "It rejects 40.0 % of the good test images where its threshold promises 3.6 %: "
        "by chance that happens in < 0.1 % of cases."
    ]


def test_a_figure_clearly_below_the_controls_is_a_point(judge: Any) -> None:
    control = Made(metrics={**dict.fromkeys(METRIC_NAMES, 0.9), "image_AP": 0.95, "pixel_AP": 0.8})
    evidence, assessment = judge(CLEAN, control)
    assert assessment.points == ("It is worse than the control in image_AP.",)
    assert against_control(evidence) == (
        "Against the control, patchcore, it is better in pixel_AP; worse in image_AP; "
        "without a clear difference in 5 of 7 metrics."
    )


def test_no_clear_difference_is_said_so(judge: Any) -> None:
    evidence, assessment = judge(CLEAN, Made())
    assert assessment.state == "ship"
    assert "No metric shows a difference" in (against_control(evidence) or "")


@pytest.mark.parametrize("processors", [("one",), ("one", "another")])
def test_parts_trained_on_different_types_of_processor_are_said_and_held_against_nothing(
    judge: Any, processors: tuple[str, ...]
) -> None:
    _, assessment = judge(replace(CLEAN, processors=processors))
    assert assessment.state == "ship"
    how = "in parts on different types of processor (one, then another), which round differently"
    said = tuple(f"{stage} was trained {how}: no other run gives its bytes." for stage in ("Stage1", "Stage2"))
    assert assessment.cautions == (said if len(processors) > 1 else ())


def test_a_collapse_in_training_is_a_point(judge: Any) -> None:
    _, assessment = judge(replace(CLEAN, collapse=0.04))
    assert assessment.state == "look"
    assert assessment.points == (
        "Its training collapsed: the spread of the projections ended at 0.04, where 1 is as it should be.",
    )


def test_a_guide_that_is_lost_in_training_is_a_point(judge: Any) -> None:
    _, assessment = judge(replace(CLEAN, guide_rise=1.5))
    (point,) = assessment.points
    # From 1 + 1.5 / 8 to 1 + 1.5 * 7 / 8, but for the noise.
    share = re.fullmatch(
        r"Its training lost sight of damage: D's loss on synthetic anomalies rose by (\d+) % from the first quarter of "
        r"stage2 to the last\.",
        _plain(point),
    )
    assert share is not None and int(share[1]) == pytest.approx(95, abs=25)


def test_training_as_earlier_versions_recorded_it_is_not_judged(judge: Any) -> None:
    assert judge(replace(CLEAN, diagnostics=False, collapse=0.0, guide_rise=9.0))[1].state == "ship"


def test_other_images_are_not_comparable(judge: Any) -> None:
    evidence, _ = judge(CLEAN, Made(evaluation_set="f" * 64))
    assert "not comparable" in (against_control(evidence) or "")


def test_thin_evidence_is_named(judge: Any) -> None:
    made = Made(scores={"good": [5.0] * 10, "crack": [15.0] * 4}, calibration=8, without_mask=4, resamples=0)
    _, assessment = judge(made)
    said = [_plain(caution) for caution in assessment.cautions]
    assert len(said) == 5
    assert "needs 19 of them" in said[0]  # alpha 5 %: 1/0.05 - 1
    # 9 images promise 1/9; of 10 without a reject the true rate may be 1 - 0.025 ** 0.1.
    assert "11.1 %" in said[1] and "30.8 %" in said[1]
    assert "1 of 1 defect type (crack)" in said[2]
    assert "No defective test image has a mask" in said[3]
    assert "without intervals" in said[4]


def test_some_without_a_mask_are_counted(judge: Any) -> None:
    _, assessment = judge(Made(without_mask=2))
    assert any("2 of 6 defective test images have no mask" in caution for caution in assessment.cautions)


def test_good_images_alone_tell_nothing_of_misses(judge: Any) -> None:
    evidence, assessment = judge(Made(scores={"good": [5.0] * 100}))
    assert assessment.points == ("No defective test image: its recall is unknown.",)
    assert weakest_type(evidence) is None


def test_no_test_image_at_all_is_said_so(judge: Any) -> None:
    _, assessment = judge(Made(scores={}))
    assert any("No good test image" in caution for caution in assessment.cautions)


def test_the_promise_names_its_images_and_both_rates(judge: Any) -> None:
    evidence, _ = judge(CLEAN)
    # Of 27 images the greatest: on average 1/28, and 1 - 0.05 ** (1/27) where the draw is unlucky.
    assert _plain(promise(evidence)) == (
        "The threshold, 10, was set on 27 good calibration images and no defect. Of future good parts it is expected "
        "to reject 3.6 % at most; had those images been an unlucky draw, 10.5 % at most (95 % confidence)."
    )
