"""All that a rule may look at, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tocoad.gate.finding import Finding
from tocoad.gate.records import Candidate, Evidence
from tocoad.settings.sections import GateSettings


@dataclass(frozen=True)
class Case:
    """`champion` is None for a first version."""

    challenger: Candidate
    champion: Candidate | None
    settings: GateSettings
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def stand_in(self) -> str:
        """What a sentence adds to the name of a figure where no defect is there to be tested on."""
        return " on made anomalies, which stand in for defects," if self.challenger.synthetic else ""


Rule = Callable[[Case], Iterator[Finding]]
"""A rule says something of every case: where it does not apply, that."""
