"""AUROC, average precision and the best F1, exactly, from a ranking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.ranking import Ranking


def auroc(ranking: Ranking) -> float:
    """P(anomalous > normal) + P(equal) / 2: the area under the ROC curve with trapezoids over ties."""
    n, m = ranking.normal_count, ranking.scores.size
    # Twice the number of lost pairs is an integer: no rounding before the one division.
    lost = int(ranking.above.sum()) + int(ranking.not_below.sum())
    return 1.0 - lost / (2 * n * m)


def precision_recall(ranking: Ranking) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.floating]]:
    """Precision, recall and threshold (`score >= threshold`) at every distinct anomalous score, descending."""
    first = _distinct(ranking.scores)
    true_positive, predicted = _positives(ranking, first)
    return true_positive / predicted, true_positive / ranking.scores.size, ranking.scores[first]


def average_precision(ranking: Ranking) -> float:
    """Sum of precision times the step in recall, without interpolation (scikit-learn's definition)."""
    precision, recall, _ = precision_recall(ranking)
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def f1_max(ranking: Ranking) -> tuple[float, float]:
    """The best F1 over all thresholds and the highest threshold that reaches it (`score >= threshold`): an oracle."""
    first = _distinct(ranking.scores)
    true_positive, predicted = _positives(ranking, first)
    f1 = 2 * true_positive / (predicted + ranking.scores.size)
    best = int(np.argmax(f1))
    return float(f1[best]), float(ranking.scores[first[best]])


def roc(ranking: Ranking) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False- and true-positive rates at the corners of the ROC curve, from (0, 0) to (1, 1)."""
    m = ranking.scores.size
    first = _distinct(ranking.scores)
    # A distinct score is an edge of the curve: upright without ties, aslant with them.
    positive = np.concatenate(([0], m - first))
    negative = np.stack([ranking.above[first], ranking.not_below[first]], axis=1).ravel()
    fpr = np.concatenate(([0], negative, [ranking.normal_count])) / ranking.normal_count
    tpr = np.concatenate(([0], np.repeat(positive, 2)[1:-1], [m])) / m
    corner = np.concatenate(([True], (np.diff(fpr) > 0) | (np.diff(tpr) > 0)))
    return fpr[corner], tpr[corner]


def _distinct(ascending: NDArray[np.floating]) -> NDArray[np.intp]:
    """Position of the first of each group of equal scores, highest scores first."""
    return np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))[::-1]


def _positives(ranking: Ranking, first: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True positives and all predicted positives where the scores at positions `first` are the threshold."""
    true_positive = ranking.scores.size - first
    return true_positive, true_positive + ranking.not_below[first]
