"""Against scikit-learn, and F1 against brute force; scores with and without ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

from tocoad.metrics.curves import auroc, average_precision, f1_max, precision_recall, roc
from tocoad.metrics.image import rank_images
from tocoad.metrics.ranking import Ranking

CASES = [(seed, ties) for seed in range(5) for ties in (False, True)]


def _draw(seed: int, ties: bool) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], rng.integers(0, 2, 60)])
    scores = rng.integers(0, 8, 62) + labels if ties else rng.normal(size=62) + labels
    return labels, scores.astype(np.float32)


def _ranking(labels: NDArray[np.int64], scores: NDArray[np.float32]) -> Ranking:
    ranking = rank_images(labels, scores)
    assert ranking is not None
    return ranking


@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_auroc_and_ap_agree_with_scikit_learn(seed: int, ties: bool) -> None:
    labels, scores = _draw(seed, ties)
    ranking = _ranking(labels, scores)
    assert auroc(ranking) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert average_precision(ranking) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_f1_max_is_the_best_over_every_threshold(seed: int, ties: bool) -> None:
    labels, scores = _draw(seed, ties)
    brute = max(f1_score(labels, scores >= threshold) for threshold in np.unique(scores))
    best, threshold = f1_max(_ranking(labels, scores))
    assert best == pytest.approx(brute, abs=1e-12)
    assert f1_score(labels, scores >= np.float32(threshold)) == pytest.approx(brute, abs=1e-12)


@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_precision_and_recall_are_scikit_learns_at_the_anomalous_scores(seed: int, ties: bool) -> None:
    labels, scores = _draw(seed, ties)
    precision, recall, thresholds = precision_recall(_ranking(labels, scores))
    expected_precision, expected_recall, expected_thresholds = precision_recall_curve(labels, scores)
    at = {t: (p, r) for p, r, t in zip(expected_precision, expected_recall, expected_thresholds, strict=False)}
    assert list(thresholds) == sorted(set(scores[labels == 1]), reverse=True)
    for p, r, t in zip(precision, recall, thresholds, strict=True):
        assert (p, r) == pytest.approx(at[t], abs=1e-12)


@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_the_roc_polyline_encloses_the_auroc(seed: int, ties: bool) -> None:
    labels, scores = _draw(seed, ties)
    fpr, tpr = roc(_ranking(labels, scores))
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    assert np.trapezoid(tpr, fpr) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_all_scores_equal_is_chance() -> None:
    ranking = _ranking(np.array([0, 0, 0, 1]), np.zeros(4, np.float32))
    assert auroc(ranking) == 0.5
    assert average_precision(ranking) == 0.25
    assert f1_max(ranking) == (0.4, 0.0)


def test_a_perfect_ranking_is_exactly_one() -> None:
    ranking = _ranking(np.array([0, 1, 0, 1]), np.array([0.1, 0.8, 0.2, 0.9]))
    assert (auroc(ranking), average_precision(ranking), f1_max(ranking)) == (1.0, 1.0, (1.0, 0.8))
