"""What is measured of challenger and champion together, and bounded as a multiple of the champion's."""

from __future__ import annotations

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding


def bounded(name: str, measured: str, ratio: float, most: float, figures: Figures) -> Finding:
    passed = ratio <= most
    return Finding(
        name=name,
        outcome="passed" if passed else "failed",
        reason=f"{name}: {measured}; {ratio:.2f} times as much, {'at most' if passed else 'above'} {most:g}",
        figures={**figures, "ratio": ratio, "limit": most},
    )


def not_measured(case: Case, name: str) -> Finding:
    why = "there is no champion yet" if case.champion is None else "it was not measured"
    return Finding(name=name, outcome="not applicable", reason=f"{name} not compared: {why}")
