"""Several runs of one method on the same data, with different seeds: mean and standard deviation."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocoad.metrics.names import METRIC_NAMES, MetricName


@dataclass(frozen=True)
class Spread:
    """Over `runs` runs; `std` is the sample's (divided by runs - 1), None for a single run."""

    mean: float
    std: float | None
    runs: int


def over_seeds(runs: Sequence[Mapping[MetricName, float | None]]) -> dict[MetricName, Spread | None]:
    """For each of the seven metrics, over the runs that have it; None where none has."""
    spreads: dict[MetricName, Spread | None] = {}
    for name in METRIC_NAMES:
        values = [value for run in runs if (value := run.get(name)) is not None]
        std = statistics.stdev(values) if len(values) > 1 else None
        spreads[name] = Spread(statistics.fmean(values), std, len(values)) if values else None
    return spreads
