from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import betabinom

from tocoad.calibration.promise import chance_of_rejects


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_it_is_the_share_of_all_orders_of_calibration_and_test_images(rank: int) -> None:
    """By hand: which of the n + m places in the order are the calibration images' is equally likely."""
    n, m = 5, 4
    orders = list(combinations(range(n + m), n))
    above = [n + m - 1 - calibration[n - rank] - (rank - 1) for calibration in orders]
    for rejected in range(m + 1):
        share = np.mean([count >= rejected for count in above])
        assert chance_of_rejects(rejected, m, n, rank) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(("n", "rank"), [(8, 1), (27, 1), (58, 2), (1000, 50)])
def test_it_is_the_tail_of_the_beta_binomial(n: int, rank: int) -> None:
    for m in (1, 41, 3000):
        for rejected in {0, 1, m // 10, m // 2, m}:
            expected = betabinom.sf(rejected - 1, m, rank, n + 1 - rank)
            assert chance_of_rejects(rejected, m, n, rank) == pytest.approx(
                expected, rel=1e-6, abs=1e-10
            )  # 1 - cdf there
