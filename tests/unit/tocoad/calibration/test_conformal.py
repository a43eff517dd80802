from __future__ import annotations

import math

import numpy as np
import pytest

from tocoad.calibration.conformal import CalibrationError, Threshold, conformal_threshold


@pytest.mark.parametrize(
    ("n", "alpha", "rank_from_top", "promise"),
    [
        (19, 0.05, 1, 1 / 20),  # 20 * 0.05 = 1: just enough
        (39, 0.05, 2, 2 / 40),
        (50, 0.05, 2, 2 / 51),  # 51 * 0.05 = 2.55: the promise is lower than what was asked for
        (99, 0.07, 7, 7 / 100),  # in floating point 100 * (1 - 0.07) is a little more than 93
        (9, 0.3, 3, 3 / 10),
    ],
)
def test_the_threshold_is_the_order_statistic_by_hand(n: int, alpha: float, rank_from_top: int, promise: float) -> None:
    scores = np.random.default_rng(n).permutation(n).astype(np.float32)
    threshold = conformal_threshold(scores, alpha)
    assert threshold.value == n - rank_from_top
    assert threshold.expected_false_reject_rate == pytest.approx(promise, abs=1e-15)
    assert threshold.expected_false_reject_rate <= alpha
    assert threshold.sufficient
    assert (threshold.n, threshold.alpha, threshold.smallest_rate) == (n, alpha, 1 / (n + 1))


def test_too_few_images_promise_their_smallest_rate_and_say_so() -> None:
    threshold = conformal_threshold([3.0, 1.0, 2.0], 0.05)
    assert (threshold.value, threshold.sufficient) == (3.0, False)
    assert threshold.expected_false_reject_rate == threshold.smallest_rate == 0.25
    assert threshold.message == (
        "expected false-reject rate at most 25.00% from 3 calibration images, the smallest they can promise; "
        "the 5.00% asked for needs 19 of them"
    )


@pytest.mark.parametrize("alpha", [0.05, 0.07, 0.001, 1 / 3])
def test_the_number_named_in_the_message_is_the_smallest_that_suffices(alpha: float) -> None:
    needed = int(conformal_threshold([1.0], alpha).message.rsplit("needs ", 1)[1].split()[0])
    assert conformal_threshold(np.arange(needed), alpha).sufficient
    assert not conformal_threshold(np.arange(needed - 1), alpha).sufficient


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "alpha"), [(10, 0.1), (30, 0.05), (24, 0.2)])
def test_exchangeable_images_are_rejected_at_the_promised_rate(n: int, alpha: float, ties: bool) -> None:
    """4000 draws of n + 1 images: the last is the new one. Without ties the promise is met exactly."""
    rng = np.random.default_rng(n)
    draws = rng.gamma(2.0, size=(4000, n + 1))
    if ties:
        draws = np.round(draws * 2)
    thresholds = [conformal_threshold(draw[:-1], alpha) for draw in draws]
    promise = thresholds[0].expected_false_reject_rate
    rejected = float(np.mean([draw[-1] > t.value for draw, t in zip(draws, thresholds, strict=True)]))
    noise = 4 * math.sqrt(promise * (1 - promise) / 4000)
    assert rejected <= promise + noise
    if not ties:
        assert rejected >= promise - noise


@pytest.mark.parametrize(("n", "alpha"), [(27, 0.05), (99, 0.05), (60, 0.2)])
def test_the_bound_on_this_thresholds_own_rate_holds_for_the_stated_share_of_draws(n: int, alpha: float) -> None:
    """Of uniform scores the rate of a threshold t is 1 - t, known exactly; 4000 draws of calibration images."""
    draws = np.random.default_rng(n).random((4000, n))
    thresholds = [conformal_threshold(draw, alpha) for draw in draws]
    bound = thresholds[0].rate_bound(0.9)
    held = np.mean([1 - threshold.value <= bound for threshold in thresholds])
    assert held == pytest.approx(0.9, abs=0.02)


def test_the_bound_by_hand() -> None:
    # The greatest of n scores is exceeded with probability x or more in (1 - x)^n of the draws.
    assert conformal_threshold(np.arange(27), 0.05).rate_bound(0.95) == pytest.approx(1 - 0.05 ** (1 / 27), abs=1e-12)


def test_equal_scores_are_not_rejected() -> None:
    threshold = conformal_threshold(np.full(40, 0.1, np.float32), 0.05)
    assert not (np.full(5, 0.1, np.float32) > threshold.value).any()


def test_a_threshold_survives_json_to_the_bit() -> None:
    threshold = conformal_threshold(np.random.default_rng(0).random(30, dtype=np.float32), 0.05)
    assert Threshold.model_validate_json(threshold.model_dump_json()) == threshold


@pytest.mark.parametrize(
    ("scores", "says"),
    [([], "no calibration image"), ([1.0, math.nan], "not finite"), ([1.0, math.inf], "not finite")],
)
def test_scores_that_cannot_give_a_threshold_are_refused(scores: list[float], says: str) -> None:
    with pytest.raises(CalibrationError, match=says):
        conformal_threshold(scores, 0.05)
