"""Bootstrap over images: how far would a figure move, had other images of the same kinds been in the test split?

Percentile bootstrap (Efron). A draw takes as many images of each kind as there are, with replacement, so that every
draw has good and defective ones; the same draws serve every metric and every detector that is judged on the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tocoad.metrics.names import MetricName


@dataclass(frozen=True)
class Replicates:
    """Each metric's value on the same draws, (B,); metrics that are undefined are absent."""

    values: Mapping[MetricName, NDArray[np.float64]] = field(default_factory=dict)

    def interval(self, metric: MetricName, confidence: float = 0.95) -> tuple[float, float] | None:
        """The central interval that holds the share `confidence` of the draws; None where the metric is undefined."""
        values = self.values.get(metric)
        return None if values is None else _central(values, confidence)


@dataclass(frozen=True)
class PairedBootstrap:
    """`difference` is challenger - champion on the images as they are; `low` and `high` bound its central interval.

    `probability_worse` is the share of draws in which the challenger is worse by more than the margin.
    """

    difference: float
    low: float
    high: float
    probability_worse: float


def compare(
    metric: MetricName,
    challenger: Replicates,
    champion: Replicates,
    difference: float,
    margin: float = 0.0,
    confidence: float = 0.95,
) -> PairedBootstrap | None:
    """Two detectors on the same draws; `difference` is that of their exact figures. None where one has no replicates.

    Raises:
        ValueError: the two do not have the same number of draws, so they cannot be of the same ones.
    """
    new, old = challenger.values.get(metric), champion.values.get(metric)
    if new is None or old is None:
        return None
    if new.shape != old.shape:
        raise ValueError(f"{new.size} and {old.size} bootstrap draws of {metric} cannot be paired: use the same number")
    differences = new - old
    low, high = _central(differences, confidence)
    return PairedBootstrap(difference, low, high, float(np.mean(differences < -margin)))


def draw_images(kinds: ArrayLike, resamples: int, seed: int) -> NDArray[np.uint16]:
    """How often each of N images is in each of B draws, (B, N); images of one of the `kinds` (N,) replace each other.

    Depends on the arguments alone, so that two detectors on the same images are judged on the same draws.
    """
    kind = np.asarray(kinds)
    rng = np.random.default_rng(seed)
    draws = np.zeros((resamples, kind.size), np.uint16)
    for value in np.unique(kind):
        members = np.flatnonzero(kind == value)
        draws[:, members] = rng.multinomial(members.size, np.full(members.size, 1 / members.size), size=resamples)
    return draws


def _central(values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
