from __future__ import annotations

import numpy as np
import pytest

from tocoad.metrics.bootstrap import paired_bootstrap
from tocoad.metrics.image import image_AUROC

LABELS = np.repeat([0, 1], [30, 40])
RNG = np.random.default_rng(7)
BETTER = RNG.normal(size=70) + 2.0 * LABELS
WORSE = BETTER + RNG.normal(size=70)


def test_same_seed_same_figures_and_another_seed_others() -> None:
    first, again, other = (paired_bootstrap(image_AUROC, LABELS, WORSE, BETTER, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_scorer_against_itself_never_differs() -> None:
    result = paired_bootstrap(image_AUROC, LABELS, BETTER, BETTER.copy(), seed=0)
    assert result is not None
    assert (result.difference, result.low, result.high, result.probability_worse) == (0.0, 0.0, 0.0, 0.0)


def test_a_hopeless_challenger_is_worse_in_every_draw() -> None:
    perfect = LABELS.astype(float)
    result = paired_bootstrap(image_AUROC, LABELS, -perfect, perfect, seed=0, margin=0.5, resamples=50)
    assert result is not None
    assert (result.difference, result.low, result.high, result.probability_worse) == (-1.0, -1.0, -1.0, 1.0)


def test_the_spread_is_that_of_the_draws_known_in_closed_form() -> None:
    # One good image, n defective ones of which k lie above it, against a perfect champion: the AUROC's difference is
    # -(drawn misses) / n, so n times it is binomial with n draws and p = 1 - k / n.
    n, k = 25, 20
    labels = np.repeat([0, 1], [1, n])
    challenger = np.concatenate([[0.0], np.repeat([1.0, -1.0], [k, n - k])])
    result = paired_bootstrap(image_AUROC, labels, challenger, labels, seed=3, margin=0.3, resamples=4000)
    assert result is not None
    assert result.difference == pytest.approx(-0.2)
    # scipy.stats.binom(25, 0.2): P(X <= 1) = 0.027, so the 2.5 % quantile may fall on 2; 97.5 %: 9; P(X > 7) = 0.1091.
    assert result.low == pytest.approx(-9 / n)
    assert result.high == pytest.approx(-1.5 / n, abs=0.021)
    assert result.probability_worse == pytest.approx(0.1091, abs=0.02)


def test_no_good_images_is_none() -> None:
    assert paired_bootstrap(image_AUROC, [1, 1], [1.0, 2.0], [2.0, 1.0], seed=0) is None
