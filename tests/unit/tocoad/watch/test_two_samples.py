"""The test of a window: its p-values beside other ways to them, and how often it speaks for nothing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, rankdata

from tocoad.watch.two_samples import can_tell, compare


def test_of_one_statistic_it_is_the_exact_test_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.5, 1.0, 2.0):
        reference, window = rng.standard_normal((9, 1)), rng.standard_normal((8, 1)) + shift
        exact = mannwhitneyu(window[:, 0], reference[:, 0], method="exact").pvalue
        # Four standard deviations of a share of 9999 draws.
        assert compare(reference, window).p == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 9999) ** 0.5 + 2e-4)


def test_of_several_it_is_the_share_of_all_deals_in_which_any_moves_as_far() -> None:
    rng = np.random.default_rng(1)
    reference, window = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)) + np.array([1.5, 0, 0])
    ranks = rankdata(np.concatenate([reference, window]), axis=0)
    # Without ties every statistic's ranks are the same numbers: the farthest sum is the most surprising one.
    farthest = [np.abs(ranks[list(deal)].sum(0) - 4 * 10 / 2).max() for deal in combinations(range(9), 4)]
    found = compare(reference, window)
    for index in range(3):
        exact = np.mean(np.array(farthest) >= abs(ranks[5:, index].sum() - 20))
        assert found.p_each[index] == pytest.approx(exact, abs=0.02)
    assert found.p == found.p_each.min()


def test_higher_is_the_share_of_pairs_in_which_the_new_image_has_more_and_ties_are_halves() -> None:
    rng = np.random.default_rng(2)
    reference, window = rng.integers(0, 4, (6, 2)).astype(float), rng.integers(1, 5, (9, 2)).astype(float)
    pairs = window[:, None] - reference[None]
    expected = (pairs > 0).mean((0, 1)) + (pairs == 0).mean((0, 1)) / 2
    assert compare(reference, window).higher == pytest.approx(expected)


@pytest.mark.parametrize("images", [8, 31])
def test_windows_of_unchanged_images_raise_no_more_alarms_than_was_asked(images: int) -> None:
    """Whatever the distributions are: heavy tails here, and statistics that hang together."""
    rng = np.random.default_rng(images)
    mix = rng.standard_normal((9, 9))
    drawn = rng.standard_t(2, (200, images + 32, 9)) @ mix
    alarms = sum(compare(one[:images], one[images:]).p <= 0.1 for one in drawn)
    # Binomial of 200 and 0.1: four standard deviations of 4.2.
    assert 3 <= alarms <= 37


def test_what_is_the_same_in_all_images_says_nothing() -> None:
    rng = np.random.default_rng(3)
    reference, window = rng.standard_normal((10, 1)), rng.standard_normal((10, 1))
    constant = np.ones((10, 1))
    both = compare(np.hstack([constant, reference]), np.hstack([constant, window]))
    assert both.p_each[0] == 1 and both.higher[0] == 0.5
    assert both.p == compare(reference, window).p


def test_three_defective_parts_of_32_however_bad_are_no_change_of_the_camera() -> None:
    rng = np.random.default_rng(4)
    reference, window = rng.standard_normal((31, 9)), rng.standard_normal((32, 9))
    window[:3] = 1e9
    assert compare(reference, window).p > 0.1


def test_the_same_images_give_the_same_answer() -> None:
    rng = np.random.default_rng(5)
    reference, window = rng.standard_normal((31, 9)), rng.standard_normal((32, 9)) + 0.4
    assert compare(reference, window).p == compare(reference, window).p


@pytest.mark.parametrize(("n", "w", "rate", "possible"), [(3, 2, 0.1, False), (3, 2, 0.2, True), (8, 8, 0.01, True)])
def test_two_small_samples_cannot_tell(n: int, w: int, rate: float, possible: bool) -> None:
    """Of 3 and 2 images there are 10 deals, of which 2 are as far apart as can be."""
    assert can_tell(n, w, rate) is possible
