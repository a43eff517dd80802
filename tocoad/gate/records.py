"""What the gate reads, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tocoad.metrics.names import MetricName

Verdict = Literal["promoted", "kept", "rejected"]
Figures = dict[str, float | None]


class Candidate(BaseModel):
    """One detector's figures on one frozen evaluation set.

    `evaluation_set` is the digest of the test images it was scored on. `replicates` are the metrics on bootstrap draws
    of these images; two candidates' must be of the same draws. Without them only the figures are compared.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics: Mapping[MetricName, float | None]
    evaluation_set: str
    replicates: Mapping[MetricName, tuple[float, ...]] | None = None


class Decision(BaseModel):
    """`promoted`: the challenger takes the champion's place. `kept`: the champion stays, because the challenger is
    worse. `rejected`: the challenger fails a floor. `figures` holds, for each rule that ran, every number it looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Verdict
    reasons: tuple[str, ...]
    figures: dict[str, Figures]
