from __future__ import annotations

from math import comb, inf

import pytest

from tocoad.calibration.conformal import Threshold
from tocoad.report.rates import Difference, Rate, chance_of_rejects, paired_difference


def _at_most(count: int, total: int, p: float) -> float:
    return sum(comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(count + 1))


@pytest.mark.parametrize(("count", "total"), [(60, 63), (1, 20), (3, 4)])
def test_the_interval_ends_where_each_tail_of_the_binomial_holds_a_fortieth(count: int, total: int) -> None:
    interval = Rate(count, total).interval
    assert interval is not None
    assert 1 - _at_most(count - 1, total, interval[0]) == pytest.approx(0.025, abs=1e-9)
    assert _at_most(count, total, interval[1]) == pytest.approx(0.025, abs=1e-9)


def test_none_of_n_still_leaves_room_above() -> None:
    assert Rate(0, 20).interval == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert Rate(20, 20).interval == (pytest.approx(0.025 ** (1 / 20)), 1.0)


def test_nothing_to_count_has_no_share_and_no_interval() -> None:
    empty = Rate.of([])
    assert (empty.share, empty.interval, empty.rest) == (None, None, 0)
    assert Rate.of([True, False, True]) == Rate(2, 3)


@pytest.mark.parametrize(("n", "above", "rejected", "total"), [(27, 1, 8, 20), (58, 2, 5, 41), (8, 1, 0, 10)])
def test_the_chance_of_rejects_counts_the_orders_of_test_and_calibration_scores(
    n: int, above: int, rejected: int, total: int
) -> None:
    # Without ties every order of all scores is as likely: k test scores above the threshold leave comb(...) orders.
    orders = {
        k: comb(k + above - 1, k) * comb(total - k + n - above, total - k) / comb(total + n, n)
        for k in range(total + 1)
    }
    assert sum(orders.values()) == pytest.approx(1.0)
    threshold = Threshold(
        value=0.0,
        n=n,
        alpha=0.05,
        expected_false_reject_rate=above / (n + 1),
        smallest_rate=1 / (n + 1),
        sufficient=True,
    )
    expected = sum(share for k, share in orders.items() if k >= rejected)
    assert chance_of_rejects(Rate(rejected, total), threshold) == pytest.approx(expected)


def test_the_difference_is_of_the_figures_and_its_interval_of_the_draws_pair_by_pair() -> None:
    # Both wander widely but together: only pairing shows the constant lead.
    control = [0.1 * i for i in range(11)]
    mine = [value + 0.001 * i for i, value in enumerate(control)]
    found = paired_difference((0.9, 0.7), (mine, control))
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert found.interval == (pytest.approx(0.001 * 0.25), pytest.approx(0.001 * 9.75))
    assert found.direction == 1


@pytest.mark.parametrize(("interval", "direction"), [((-0.2, -0.1), -1), ((-0.1, 0.1), 0), ((0.0, 0.1), 0), (None, 0)])
def test_an_interval_that_holds_zero_has_no_direction(interval: tuple[float, float] | None, direction: int) -> None:
    assert Difference(0.05, interval).direction == direction


def test_without_common_draws_there_is_a_difference_but_no_interval() -> None:
    assert paired_difference((0.9, 0.5), ((), ())) == Difference(pytest.approx(0.4), None)
    assert paired_difference((0.9, 0.5), ((0.9,), (0.5, 0.6))) == Difference(pytest.approx(0.4), None)
    assert paired_difference((0.9, 0.5), ((inf, 0.9), (0.5, 0.6))) == Difference(pytest.approx(0.4), None)
    assert paired_difference((None, 0.5), ((), ())) is None
