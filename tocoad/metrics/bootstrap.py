"""Paired bootstrap over images: is one scorer worse than another on the same images, or is it the draw?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

ImageMetric = Callable[[ArrayLike, ArrayLike], float | None]


@dataclass(frozen=True)
class PairedBootstrap:
    """`difference` is challenger - champion on the images as they are; `low` and `high` bound its central interval.

    `probability_worse` is the share of resamples in which the challenger is worse by more than the margin.
    """

    difference: float
    low: float
    high: float
    probability_worse: float


def paired_bootstrap(
    metric: ImageMetric,
    gt_labels: ArrayLike,
    challenger: ArrayLike,
    champion: ArrayLike,
    *,
    seed: int,
    margin: float = 0.0,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> PairedBootstrap | None:
    """Percentile bootstrap (Efron) of the difference of `metric` between two score vectors `(N,)` on the same images.

    Good and defective images are drawn apart, so that every resample has both, and both scorers see the same draw.
    The mean of an AUROC's differences over all such draws is `difference` itself. None where the metric is undefined.
    """
    labels = np.asarray(gt_labels)
    new, old = np.asarray(challenger), np.asarray(champion)
    new_value, old_value = metric(labels, new), metric(labels, old)
    if new_value is None or old_value is None:
        return None
    strata = [np.flatnonzero(labels == label) for label in (0, 1)]
    rng = np.random.default_rng(seed)
    differences = np.empty(resamples)
    for i in range(resamples):
        draw = np.concatenate([rng.choice(stratum, stratum.size) for stratum in strata])
        differences[i] = _value(metric, labels[draw], new[draw]) - _value(metric, labels[draw], old[draw])
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return PairedBootstrap(
        difference=new_value - old_value,
        low=float(low),
        high=float(high),
        probability_worse=float(np.mean(differences < -margin)),
    )


def _value(metric: ImageMetric, labels: NDArray[np.generic], scores: NDArray[np.generic]) -> float:
    return cast(float, metric(labels, scores))  # a draw has images of both labels, where the metric is defined
