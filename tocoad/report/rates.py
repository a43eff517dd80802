"""Shares of counted images with their exact intervals, and differences of paired figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv
from scipy.stats import betabinom

from tocoad.calibration.conformal import Threshold

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """`count` of `total` images."""

    count: int
    total: int

    @classmethod
    def of(cls, labels: Iterable[bool]) -> Rate:
        kept = list(labels)
        return cls(sum(kept), len(kept))

    @property
    def rest(self) -> int:
        return self.total - self.count

    @property
    def share(self) -> float | None:
        """None where there is nothing to count."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Clopper and Pearson's: it holds the true rate in 95 % of all draws at least, however few the images."""
        if not self.total:
            return None
        # Of the beta distribution: scipy's binomtest looks for the same by trial, a hundred times slower.
        outside = (1 - CONFIDENCE) / 2
        low = betaincinv(self.count, self.rest + 1, outside) if self.count else 0.0
        high = betaincinv(self.count + 1, self.rest, 1 - outside) if self.rest else 1.0
        return float(low), float(high)


def chance_of_rejects(rejected: Rate, threshold: Threshold) -> float:
    """How often as many good test images or more lie above the threshold, though they are of the same kind as the
    calibration images: then the count is beta-binomial, over the draw of both (ties only lower it).
    """
    above = round(threshold.expected_false_reject_rate * (threshold.n + 1))
    return float(betabinom.sf(rejected.count - 1, rejected.total, above, threshold.n + 1 - above))


@dataclass(frozen=True)
class Difference:
    """Of two detectors' figures on the same images; `interval` is None where no draws were made."""

    value: float
    interval: tuple[float, float] | None

    @property
    def direction(self) -> int:
        """1 or -1 where the interval leaves 0 out; 0 where it holds it, or there is none."""
        if self.interval is None:
            return 0
        low, high = self.interval
        return 1 if low > 0 else -1 if high < 0 else 0

    @property
    def note(self) -> str:
        """In words what the interval says; nothing where there is none."""
        return "" if self.interval is None else {1: "better", 0: "includes 0", -1: "worse"}[self.direction]


def paired_difference(
    figures: tuple[float | None, float | None], replicates: tuple[Sequence[float], Sequence[float]]
) -> Difference | None:
    """First less second. `replicates` are both figures on the same bootstrap draws, draw by draw; the interval is the
    central 95 % of their differences. None where a figure is undefined.
    """
    first, second = figures
    if first is None or second is None:
        return None
    new, old = (np.asarray(values, dtype=np.float64) for values in replicates)
    if not new.size or new.size != old.size or not np.isfinite(new - old).all():
        return Difference(first - second, None)
    low, high = np.quantile(new - old, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Difference(first - second, (float(low), float(high)))
