"""The summary over all categories of a data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tocoad.files.workspace import Category
from tocoad.metrics.names import METRIC_NAMES, MetricName
from tocoad.report import assessment, glossary
from tocoad.report.assessment import Assessment
from tocoad.report.evidence import Evidence, Judged
from tocoad.report.facts import Facts
from tocoad.report.names import page_name
from tocoad.report.render import render
from tocoad.report.text import counted

Figures = dict[MetricName, float | None]


@dataclass(frozen=True)
class SummaryRow:
    """A category; `page` is the file name of its page, None where none was written."""

    category: Category
    judged: Judged
    control: Judged | None
    verdict: Mapping[str, Any] | None
    assessment: Assessment
    page: str | None
    weakest: str | None

    @classmethod
    def of(cls, evidence: Evidence, facts: Facts, pages: Collection[str]) -> SummaryRow:
        verdict, page = facts.verdicts.get(evidence.category.name), page_name(evidence.category)
        return cls(
            category=evidence.category,
            judged=evidence.judged,
            control=evidence.control,
            verdict=verdict,
            assessment=assessment.assess(evidence, verdict),
            page=page if page in pages else None,
            weakest=assessment.weakest_type(evidence),
        )

    @property
    def need(self) -> tuple[float, ...]:
        """Sorts those first that need a person most."""
        recall, rejected = self.judged.recall.share, self.judged.false_rejects.share
        return self.assessment.rank, -1.0 if recall is None else recall, 0.0 if rejected is None else -rejected


def summary_page(dataset: str, rows: Sequence[SummaryRow], facts: Facts) -> str:
    ordered = sorted(rows, key=lambda row: (*row.need, row.category))
    return render(
        "summary.html.j2",
        {
            "dataset": dataset,
            "facts": facts,
            "rows": ordered,
            "sentence": _sentence(ordered),
            "metrics": glossary.METRICS,
            "means": _means([row.judged for row in ordered]),
            "control_means": _means([row.control for row in ordered if row.control is not None]),
            "rules": assessment.RULES,
            "terms": glossary.TERMS,
            "catches": assessment.catches,
            "rejects": assessment.rejects,
        },
    )


def _sentence(rows: Sequence[SummaryRow]) -> str:
    promoted = sum(row.verdict is not None and row.verdict["verdict"] == "promoted" for row in rows)
    need = sum(row.assessment.state != "ship" for row in rows)
    said = f"{promoted} of {counted(len(rows), 'category', 'categories')} promoted by the gate"
    return f"{said}; {'none needs' if not need else f'{need} needs' if need == 1 else f'{need} need'} a look."


def _means(judged: Sequence[Judged]) -> Figures:
    """Over the categories that have the figure."""
    means: Figures = {}
    for name in METRIC_NAMES:
        values = [value for one in judged if (value := one.report.metrics.get(name)) is not None]
        means[name] = sum(values) / len(values) if values else None
    return means
