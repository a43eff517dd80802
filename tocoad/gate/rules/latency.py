"""A challenger may not take much longer for an image than the champion."""

from __future__ import annotations

from collections.abc import Iterator

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding
from tocoad.gate.rules.ratio import bounded, not_measured


def latency(case: Case) -> Iterator[Finding]:
    speed, most = case.evidence.speed, case.settings.latency_ratio_max
    if speed is None:
        yield not_measured(case, "latency")
        return
    figures: Figures = {"challenger_ms": speed.challenger_ms, "champion_ms": speed.champion_ms}
    took = f"{speed.challenger_ms:.1f} ms an image where the champion takes {speed.champion_ms:.1f}"
    measured = f"{took}, in turns on {speed.images} images ({speed.device})"
    yield bounded("latency", measured, speed.ratio, most, figures)
