"""A challenger's package may not be much larger than the champion's."""

from __future__ import annotations

from collections.abc import Iterator

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding
from tocoad.gate.rules.ratio import bounded, not_measured


def size(case: Case) -> Iterator[Finding]:
    speed, most = case.evidence.speed, case.settings.size_ratio_max
    if speed is None:
        yield not_measured(case, "size")
        return
    new, old = speed.challenger_bytes, speed.champion_bytes
    figures: Figures = {"challenger_bytes": float(new), "champion_bytes": float(old)}
    measured = f"{new / 1e6:.2f} MB where the champion has {old / 1e6:.2f}"
    yield bounded("size", measured, new / old, most, figures)
