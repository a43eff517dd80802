from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tocoad.metrics.bootstrap import PairedBootstrap, Replicates, compare, draw_images
from tocoad.metrics.image import image_AUROC
from tocoad.metrics.replicates import image_replicates

LABELS = np.repeat([0, 1], [30, 40])
RNG = np.random.default_rng(7)
BETTER = RNG.normal(size=70) + 2.0 * LABELS
WORSE = BETTER + RNG.normal(size=70)


def _paired(
    labels: NDArray[np.int64],
    challenger: NDArray[np.float64],
    champion: NDArray[np.float64],
    seed: int,
    margin: float = 0.0,
    resamples: int = 500,
) -> PairedBootstrap:
    draws = draw_images(labels, resamples, seed)
    new, old = (Replicates(image_replicates(draws, labels, scores)) for scores in (challenger, champion))
    difference = image_AUROC(labels, challenger) - image_AUROC(labels, champion)
    paired = compare("image_AUROC", new, old, difference, margin)
    assert paired is not None
    return paired


def test_same_seed_same_figures_and_another_seed_others() -> None:
    first, again, other = (_paired(LABELS, WORSE, BETTER, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_scorer_against_itself_never_differs() -> None:
    assert _paired(LABELS, BETTER, BETTER.copy(), 0) == PairedBootstrap(0.0, 0.0, 0.0, 0.0)


def test_a_hopeless_challenger_is_worse_in_every_draw() -> None:
    perfect = LABELS.astype(float)
    assert _paired(LABELS, -perfect, perfect, 0, margin=0.5) == PairedBootstrap(-1.0, -1.0, -1.0, 1.0)


def test_the_spread_is_that_of_the_draws_known_in_closed_form() -> None:
    # One good image, n defective ones of which k lie above it, against a perfect champion: the AUROC's difference is
    # -(drawn misses) / n, so n times it is binomial with n draws and p = 1 - k / n.
    n, k = 25, 20
    labels = np.repeat([0, 1], [1, n])
    challenger = np.concatenate([[0.0], np.repeat([1.0, -1.0], [k, n - k])])
    result = _paired(labels, challenger, labels.astype(float), seed=3, margin=0.3, resamples=4000)
    assert result.difference == pytest.approx(-0.2)
    # scipy.stats.binom(25, 0.2): P(X <= 1) = 0.027, so the 2.5 % quantile may fall on 2; 97.5 %: 9; P(X > 7) = 0.1091.
    assert result.low == pytest.approx(-9 / n)
    assert result.high == pytest.approx(-1.5 / n, abs=0.021)
    assert result.probability_worse == pytest.approx(0.1091, abs=0.02)


def test_draws_keep_the_number_of_images_of_each_kind() -> None:
    kinds = np.array([0, 1, 0, 2, 1, 1])
    draws = draw_images(kinds, 300, 5)
    for kind, count in ((0, 2), (1, 3), (2, 1)):
        assert (draws[:, kinds == kind].sum(axis=1) == count).all()
    # Multiplicities of a draw with replacement: mean 1, variance 1 - 1/n.
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.2)
    np.testing.assert_allclose(draws.var(axis=0), [1 / 2, 2 / 3, 1 / 2, 0, 2 / 3, 2 / 3], atol=0.2)


def test_the_interval_holds_the_share_of_the_draws_that_was_asked_for() -> None:
    replicates = Replicates({"pixel_AP": np.random.default_rng(0).permutation(101) / 100})
    assert replicates.interval("pixel_AP", 0.9) == pytest.approx((0.05, 0.95), abs=1e-12)
    assert replicates.interval("pixel_AP") == pytest.approx((0.025, 0.975), abs=1e-12)


def test_a_metric_without_replicates_is_none() -> None:
    some, none = Replicates({"image_AP": np.ones(4)}), Replicates()
    assert none.interval("image_AP") is None
    assert compare("image_AP", some, none, 0.1) is None
    assert compare("image_AP", none, some, 0.1) is None


def test_another_number_of_draws_is_refused() -> None:
    few, many = Replicates({"image_AP": np.ones(4)}), Replicates({"image_AP": np.ones(5)})
    with pytest.raises(ValueError, match="cannot be paired"):
        compare("image_AP", few, many, 0.0)
