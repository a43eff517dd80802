"""Image-level metrics from labels and scores; None where there are no defective or no good images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tocoad.metrics.curves import auroc, average_precision, f1_max
from tocoad.metrics.ranking import Ranking, rank


def rank_images(gt_labels: ArrayLike, pred_scores: ArrayLike) -> Ranking | None:
    """Ranks of the defective images (label 1) among the good ones (label 0); `(N,)` both."""
    labels: NDArray[np.bool_] = np.asarray(gt_labels).astype(bool)
    scores: NDArray[np.floating[Any]] = np.asarray(pred_scores)
    return rank(scores[~labels], scores[labels])


def image_AUROC(gt_labels: ArrayLike, pred_scores: ArrayLike) -> float | None:
    ranking = rank_images(gt_labels, pred_scores)
    return None if ranking is None else auroc(ranking)


def image_AP(gt_labels: ArrayLike, pred_scores: ArrayLike) -> float | None:
    ranking = rank_images(gt_labels, pred_scores)
    return None if ranking is None else average_precision(ranking)


def image_F1Max(gt_labels: ArrayLike, pred_scores: ArrayLike) -> float | None:
    """An oracle: the threshold is chosen on the very labels it is judged by."""
    ranking = rank_images(gt_labels, pred_scores)
    return None if ranking is None else f1_max(ranking)[0]
