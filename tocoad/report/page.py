"""A category's page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocoad.errors import StageError
from tocoad.evaluation.gallery import GalleryImage, Outcome
from tocoad.metrics.names import METRIC_NAMES
from tocoad.pictures.heatmap import heat_colours
from tocoad.report import assessment, glossary
from tocoad.report.charts import curve_charts, score_histogram
from tocoad.report.comparison_section import comparison_section
from tocoad.report.embedding import embedded
from tocoad.report.evidence import Evidence
from tocoad.report.facts import Facts
from tocoad.report.names import INDEX
from tocoad.report.rates import Difference
from tocoad.report.render import render
from tocoad.report.training_charts import training_charts
from tocoad.settings.sections import CONTROL
from tocoad.stages.graph import jobs_of

OUTCOMES: tuple[Outcome, ...] = ("miss", "false reject", "caught", "passed")
PANELS = {"image": "image", "truth": "truth", "heat_map": "heat map", "overlay": "prediction"}
_BAR_STOPS = 17
_DIRTY = "-dirty"


@dataclass(frozen=True)
class MetricRow:
    """A row of the result table."""

    name: str
    meaning: str
    value: float | None
    interval: tuple[float, float] | None
    control: float | None
    control_interval: tuple[float, float] | None
    difference: Difference | None


def category_page(evidence: Evidence, facts: Facts) -> str:
    """Raises StageError where a picture of the gallery is missing."""
    judged, shown = evidence.judged, evidence.gallery
    verdict, findings = facts.verdict(evidence), facts.findings(evidence)
    found, compared = {finding.reason for finding in findings}, evidence.comparison
    masks = judged.report.counts.defective > judged.report.counts.without_mask
    panels = {panel: title for panel, title in PANELS.items() if masks or panel != "truth"}
    return render(
        "category.html.j2",
        "gallery.js",
        {
            "evidence": evidence,
            "judged": judged,
            "report": judged.report,
            "card": evidence.card,
            "facts": facts,
            "verdict": verdict,
            "findings": findings,
            "reasons": [one for one in (verdict or {}).get("reasons", ()) if one not in found],
            "section": None if compared is None else comparison_section(compared, evidence.comparison_dir),
            "index": INDEX,
            "assessment": assessment.assess(evidence, verdict),
            "catches": assessment.catches(judged.recall),
            "rejects": assessment.rejects(judged.false_rejects),
            "promise": assessment.promise(evidence),
            "weakest": assessment.weakest_type(evidence),
            "against_control": assessment.against_control(evidence),
            "rows": metric_rows(evidence),
            "further": [(name, glossary.FURTHER[name], value) for name, value in judged.report.further.items()],
            "terms": glossary.terms(judged.method),
            "is_control": judged.method == CONTROL,
            "meanings": glossary.METRICS,
            "histogram": score_histogram(evidence),
            "curves": curve_charts(evidence),
            "training": training_charts(evidence),
            "masks": masks,
            "cards": [(image, _pictures(image, panels, evidence)) for image in shown],
            "outcomes": {outcome: sum(image.outcome == outcome for image in shown) for outcome in OUTCOMES},
            "types": dict(sorted(Counter(image.defect_type for image in shown).items())),
            "bar": _colour_bar(),
            "bar_threshold": _position(judged.report.threshold.pixel, evidence.card.calibration.scale),
            "settings": list(_flat(evidence.card.provenance.settings)),
            "commands": reproduction(evidence, facts),
            "dirty": (facts.git_commit or "").endswith(_DIRTY),
        },
    )


def metric_rows(evidence: Evidence) -> list[MetricRow]:
    """The seven metrics, in the order of every table."""
    report, control = evidence.judged.report, evidence.control
    differences = evidence.differences
    return [
        MetricRow(
            name=name,
            meaning=glossary.METRICS[name],
            value=report.metrics.get(name),
            interval=report.intervals.get(name),
            control=None if control is None else control.report.metrics.get(name),
            control_interval=None if control is None else control.report.intervals.get(name),
            difference=differences.get(name),
        )
        for name in METRIC_NAMES
    ]


def reproduction(evidence: Evidence, facts: Facts) -> list[str]:
    """The commands that lead to the same figures in a checkout of the workspace."""
    category, method = evidence.category, evidence.judged.method
    names = [job.dvc_name for job in jobs_of(category, method) if method == CONTROL or job.method == method]
    commands = [f"git checkout {facts.git_commit.removesuffix(_DIRTY)}"] if facts.git_commit else []
    return [
        *commands,
        "dvc checkout",
        f"dvc repro {' '.join(names)}",
        f"tocoad evaluate {category.dataset} --categories {category.name}",
    ]


def _pictures(image: GalleryImage, panels: Mapping[str, str], evidence: Evidence) -> list[tuple[str, str | None]]:
    """Title and `data:` address of every panel; no address where the truth is not known."""
    found: list[tuple[str, str | None]] = []
    for panel, title in panels.items():
        if panel not in image.pictures:
            found.append((f"{title}: no mask", None))
            continue
        file = evidence.gallery_dir / image.pictures[panel]
        try:
            found.append((title, embedded(file)))
        except OSError:
            raise StageError(f"{file} cannot be read: run tocoad retrain {evidence.category.dataset} first") from None
    return found


def _colour_bar() -> list[str]:
    """Colours from the scale's low end to its high one, as the heat maps draw them."""
    ramp = np.linspace(0.0, 1.0, _BAR_STOPS, dtype=np.float32)[None]
    return [f"#{r:02x}{g:02x}{b:02x}" for b, g, r in heat_colours(ramp, (0.0, 1.0))[0].tolist()]


def _position(value: float, scale: tuple[float, float]) -> float:
    """Where the value stands on the bar, in percent."""
    low, high = scale
    return round(min(max((value - low) / (high - low), 0.0), 1.0) * 100, 2)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`stage1.lr` and its value, in the order of the card."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)
