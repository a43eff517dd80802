"""What the report says of versions and verdicts: known to the services alone, so the caller brings it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tocoad.files.workspace import Category
from tocoad.gate.finding import Finding
from tocoad.settings.sections import MethodName
from tocoad.watch.watched import Watched

if TYPE_CHECKING:
    from tocoad.report.evidence import Evidence


@dataclass(frozen=True)
class Facts:
    """`verdicts` holds the ledger's verdicts of each category and method by their names (`bottle`, without the data
    set, and `tocoad`; '' where an entry of before says no method), the last one last. `watched` is what the last look
    at new images came to, by category. `generated` is the text that the footer shows; the pages hold no other time of
    their own.
    """

    data_version: str | None
    git_commit: str | None
    verdicts: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
    generated: str
    watched: Mapping[str, Watched] = field(default_factory=dict)

    def said(self, category: Category, method: MethodName) -> Sequence[Mapping[str, Any]]:
        """All that the gate said of the method's detectors of the category."""
        return [*self.verdicts.get((category.name, ""), ()), *self.verdicts.get((category.name, method), ())]

    def verdict(self, evidence: Evidence) -> Mapping[str, Any] | None:
        """The last one on what the page shows; None where the gate never saw this package with these figures on these
        test images.
        """
        said = self.said(evidence.category, evidence.judged.method)
        return next((entry for entry in reversed(said) if _is_of(entry, evidence)), None)

    def findings(self, evidence: Evidence) -> list[Finding]:
        """What the gate's rules found of it: a person's answer, which may be the last word, has none of its own. Empty
        where the gate spoke before there were findings.
        """
        said = reversed(self.said(evidence.category, evidence.judged.method))
        found = (entry["findings"] for entry in said if entry.get("findings") and _is_of(entry, evidence))
        return [Finding.model_validate(one) for one in next(found, ())]


def _is_of(entry: Mapping[str, Any], evidence: Evidence) -> bool:
    report = evidence.judged.report
    if entry.get("evaluation_set", report.evaluation_set) != report.evaluation_set:
        return False
    # Two packages may have the same figures, down to the last digit where all are 1.
    if entry.get("package", evidence.package) != evidence.package:
        return False
    return all(report.metrics.get(metric) == value for metric, value in _judged(entry))


def _judged(entry: Mapping[str, Any]) -> Iterator[tuple[Any, float | None]]:
    """Each metric that the verdict names, with the figure that it was given on."""
    if "metrics" in entry:
        yield from entry["metrics"].items()
        return
    # Entries of before have those alone that a rule looked at: `image_AUROC floor`, `pixel_AUPRO against champion`.
    for rule, figures in entry.get("figures", {}).items():
        if "challenger" in figures:
            yield rule.partition(" ")[0], figures["challenger"]
