"""A category's row of the summary: small, so that a thousand of them are held and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocoad.files.workspace import Category
from tocoad.metrics.names import METRIC_NAMES, MetricName
from tocoad.report import assessment
from tocoad.report.assessment import Assessment
from tocoad.report.evidence import Evidence, Judged
from tocoad.report.rates import Rate
from tocoad.settings.sections import MethodName

Figures = dict[MetricName, float | None]


@dataclass(frozen=True)
class Line:
    """One method's figures."""

    method: MethodName
    recall: Rate
    false_rejects: Rate
    metrics: Figures

    @classmethod
    def of(cls, judged: Judged) -> Line:
        metrics = {name: judged.report.metrics.get(name) for name in METRIC_NAMES}
        return cls(judged.method, judged.recall, judged.false_rejects, metrics)


@dataclass(frozen=True)
class SummaryRow:
    """`gate` is what it said, None where it was not asked; `weakest` tells of the defect type that is caught least."""

    category: Category
    line: Line
    control: Line | None
    gate: str | None
    version: int | None
    assessment: Assessment
    weakest: str | None

    @classmethod
    def of(cls, evidence: Evidence, verdict: Mapping[str, Any] | None) -> SummaryRow:
        """`verdict` is the category's last ledger entry."""
        return cls(
            category=evidence.category,
            line=Line.of(evidence.judged),
            control=None if evidence.control is None else Line.of(evidence.control),
            gate=verdict["verdict"] if verdict else None,
            version=verdict.get("version") if verdict else None,
            assessment=assessment.assess(evidence, verdict),
            weakest=assessment.weakest_type(evidence),
        )

    @property
    def need(self) -> tuple[float, ...]:
        """Sorts those first that need a person most."""
        recall, rejected = self.line.recall.share, self.line.false_rejects.share
        return self.assessment.rank, -1.0 if recall is None else recall, 0.0 if rejected is None else -rejected
