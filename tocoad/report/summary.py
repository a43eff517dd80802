"""The summary over all categories of a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from tocoad.metrics.names import METRIC_NAMES
from tocoad.report import assessment, glossary
from tocoad.report.facts import Facts
from tocoad.report.names import page_name
from tocoad.report.render import render
from tocoad.report.row import Figures, Line, SummaryRow
from tocoad.report.text import counted
from tocoad.report.watching import alarm_line, look_line

NOT_JUDGED = "not judged"


def summary_page(dataset: str, rows: Sequence[SummaryRow], pages: Collection[str], facts: Facts) -> str:
    """`pages` are the file names of the pages that are there."""
    ordered = sorted(rows, key=lambda row: (*row.need, row.category))
    states = Counter(row.assessment.state for row in ordered)
    return render(
        "summary.html.j2",
        "summary.js",
        {
            "dataset": dataset,
            "facts": facts,
            "rows": [(row, name if (name := page_name(row.category)) in pages else None) for row in ordered],
            "states": {state: states[state] for state in ("stop", "look", "ship")},
            "gates": dict(sorted(Counter(row.gate or NOT_JUDGED for row in ordered).items())),
            "sentence": _sentence(ordered),
            "metrics": glossary.METRICS,
            "means": _means([row.line for row in ordered]),
            "control_means": _means([row.control for row in ordered if row.control is not None]),
            "rules": assessment.RULES,
            "terms": glossary.terms(*dict.fromkeys(row.line.method for row in ordered)),
            "catches": assessment.catches,
            "rejects": assessment.rejects,
            "alarms": {name: line for name, seen in facts.watched.items() if (line := alarm_line(seen))},
            "looks": {name: look_line(seen) for name, seen in facts.watched.items()},
        },
    )


def _sentence(rows: Sequence[SummaryRow]) -> str:
    promoted = sum(row.gate == "promoted" for row in rows)
    need = sum(row.assessment.state != "ship" for row in rows)
    said = f"{promoted} of {counted(len(rows), 'category', 'categories')} promoted by the gate"
    return f"{said}; {'none needs' if not need else f'{need} needs' if need == 1 else f'{need} need'} a look."


def _means(lines: Sequence[Line]) -> Figures:
    """Over the categories that have the figure."""
    means: Figures = {}
    for name in METRIC_NAMES:
        values = [value for line in lines if (value := line.metrics[name]) is not None]
        means[name] = sum(values) / len(values) if values else None
    return means
