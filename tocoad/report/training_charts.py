"""The charts of how training went, each with what a bad one looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tocoad.report.evidence import Evidence
from tocoad.report.svg import COLOURS, STYLE, canvas, inline
from tocoad.report.tables import Points
from tocoad.report.text import counted, percent, score
from tocoad.report.training import COLLAPSED, StageCurves
from tocoad.settings.sections import CONTROL, MethodName

_HEIGHT = 3.0  # inches
# A running mean is over this part of the steps. D's loss varies by half of itself from step to step: only a wide mean
# shows whether it rises.
_LOSS_PART, _GUIDE_PART = 40, 8
_LEVELS = {1: ("o", (1, 1)), 2: ("s", (2, 1.5)), 3: ("^", (5, 2)), 4: ("D", (1, 0))}  # marker, dashes


@dataclass(frozen=True)
class TrainingChart:
    """`note` tells what it shows and what a bad one looks like."""

    title: str
    chart: Markup
    note: str


@matplotlib.rc_context(STYLE)
def training_charts(evidence: Evidence) -> list[TrainingChart]:
    """Of what the stages recorded; nothing is drawn in place of what they did not."""
    charts = [_loss(curves) for curves in evidence.training]
    for curves in evidence.training:
        charts += _guided(curves)
    if evidence.judged.method in evidence.distances:
        charts.append(_distances(evidence.distances, evidence.judged.method))
    return charts


def _loss(curves: StageCurves) -> TrainingChart:
    steps, values = (np.array(part) for part in curves.loss)
    drawing, (axis,) = canvas(_HEIGHT)
    _steps(axis, curves.loss, max(len(values) // _LOSS_PART, 1))
    axis.set_ylabel("loss")
    description = f"From {values[0]:.4g} at step {steps[0]:g} to {values[-1]:.4g} at step {steps[-1]:g}."
    title = f"Loss of {curves.stage}"
    return TrainingChart(
        title,
        inline(drawing, f"loss-{curves.stage}", title, description),
        "It should fall and level off. A bad one climbs or leaps: it was trained too fast. One that still falls "
        "steeply at the end was stopped too soon.",
    )


def _guided(curves: StageCurves) -> Iterator[TrainingChart]:
    if curves.guide is not None:
        yield _guide(curves.guide)
    if curves.spread is not None:
        yield _spread(curves.spread)
    if curves.drift:
        yield _drift(curves.drift)


def _guide(points: Points) -> TrainingChart:
    width = max(len(points[1]) // _GUIDE_PART, 1)
    drawing, (axis,) = canvas(_HEIGHT)
    mean = _steps(axis, points, width)
    _reference(axis, float(mean[0]))
    axis.set_ylim(0, None)
    axis.set_ylabel("D's loss")
    title = "D's loss on synthetic anomalies"
    description = f"Its mean over {counted(width, 'step')} goes from {mean[0]:.3g} at the start to {mean[-1]:.3g}."
    return TrainingChart(
        title,
        inline(drawing, "guide", title, description),
        "D learnt in stage 1 to find synthetic damage; in stage 2 it stays as it is and guides the encoder. A bad one "
        "climbs away from its start, the dashed line: the encoder unlearns what tells damage from a good surface.",
    )


def _spread(points: Points) -> TrainingChart:
    drawing, (axis,) = canvas(_HEIGHT)
    _steps(axis, points, 1)
    _reference(axis, 1.0)
    axis.set_ylim(0, max(1.1, *points[1]))
    axis.set_ylabel("spread")
    title = "Spread of the projections"
    return TrainingChart(
        title,
        inline(drawing, "spread", title, f"From {points[1][0]:.3g} to {points[1][-1]:.3g}; 1 is even."),
        "Whether stage 2 still tells places apart: 1, the dashed line, is as well as can be. A bad one sinks towards 0 "
        f"(below {COLLAPSED:g} it has collapsed): every place looks the same to it, a defect too.",
    )


def _drift(levels: Mapping[int, Points]) -> TrainingChart:
    drawing, (axis,) = canvas(_HEIGHT)
    for level, (steps, values) in levels.items():
        marker, dashes = _LEVELS[level]
        # Before the first step F is F0.
        (line,) = axis.plot((0, *steps), (0, *values), marker=marker, color=COLOURS["accent"], label=f"level {level}")
        line.set(linewidth=1.6, markersize=4.5, dashes=dashes)
    _step_axis(axis, "step")
    axis.set_ylim(0, None)
    axis.set_ylabel("1 - cosine to the pretrained")
    drawing.legend(loc="outside lower center", ncols=4, handlelength=2.4, columnspacing=1.2)
    title = "Drift from the pretrained encoder"
    ends = "; ".join(f"level {level}: {score(values[-1], 3)}" for level, (_, values) in levels.items())
    return TrainingChart(
        title,
        inline(drawing, "drift", title, f"At the end, {ends}."),
        "How far the features of calibration images, which are not trained on, have turned from the pretrained ones, "
        "at every level of the encoder that trains: 0 is not at all, 1 is unrelated. A bad one nears 1, or climbs ever "
        "faster: what the pretrained encoder knew is being lost.",
    )


def _distances(distances: Mapping[MethodName, Points], method: MethodName) -> TrainingChart:
    drawing, (axis,) = canvas(_HEIGHT)
    before = CONTROL if method != CONTROL and CONTROL in distances else None
    values, shares = distances[method]
    axis.plot(values, shares, color=COLOURS["accent"], linewidth=1.9, label=method, zorder=3)
    if before:
        axis.plot(*distances[before], color=COLOURS["control"], linewidth=1.4, dashes=(4, 2), label=before)
        drawing.legend(loc="outside lower center", ncols=2, handlelength=1.6, columnspacing=1.2)
    axis.set_xlim(0, None)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("distance to the nearest patch of the bank")
    axis.set_ylabel("share of patches within it")
    title = "Calibration images against the bank"
    dashed = "; dashed: before training, the control" if before else ""
    said = [_ends(name, *distances[name]) for name in (method, before) if name]
    return TrainingChart(
        title,
        inline(drawing, "distances", title, f"{'; '.join(said)}."),
        f"How far the patches of calibration images, good ones that the memory bank has not seen, lie from it{dashed}. "
        "A bad one has a long flat end to the right: places of good parts that look new, and false rejects to come. "
        "Shorter distances alone prove nothing: the defects may have moved closer too.",
    )


def _ends(name: MethodName, values: tuple[float, ...], shares: tuple[float, ...]) -> str:
    median, far = (float(value) for value in np.interp((0.5, 0.99), shares, values))
    return f"{name}: half of them within {score(median, 3)}, {percent(0.99, 0)} within {score(far, 3)}"


def _steps(axis: Axes, points: Points, width: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Draws each step, pale beneath the mean of `width` steps where that is more than one; returns the mean."""
    steps, values = (np.array(part, dtype=np.float64) for part in points)
    mean = np.convolve(values, np.full(width, 1 / width), mode="valid")
    if width > 1:
        axis.plot(steps, values, color=COLOURS["accent"], linewidth=0.8, alpha=0.3)
    axis.plot(steps[width - 1 :], mean, color=COLOURS["accent"], linewidth=1.8, zorder=3)
    _step_axis(axis, "step" if width == 1 else f"step; strong: mean of {width} steps")
    return mean


def _reference(axis: Axes, level: float) -> None:
    axis.axhline(level, color=COLOURS["ink"], linewidth=1.2, dashes=(4, 2))


def _step_axis(axis: Axes, label: str) -> None:
    axis.set_xlabel(label)
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
