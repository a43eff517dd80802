"""The charts of a category's evaluation: curves and the histogram of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tocoad.metrics.names import CurveName
from tocoad.report.evidence import Evidence, Judged
from tocoad.report.svg import COLOURS, STYLE, canvas, inline
from tocoad.report.text import counted, percent, score

_SQUARE = 3.9  # inches
_BINS = 36
Scores: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class _Curve:
    name: CurveName
    title: str
    x_label: str
    y_label: str
    steps: bool = False


CURVES = (
    _Curve("roc", "ROC, images", "good images rejected", "defective images caught"),
    _Curve("pr", "Precision and recall, images", "recall: defective images caught", "precision", steps=True),
    _Curve("pro", "PRO, regions", "good pixels marked", "mean share of a defect covered"),
    _Curve("pixel_pr", "Precision and recall, pixels", "recall: defective pixels marked", "precision"),
)


@matplotlib.rc_context(STYLE)
def curve_charts(evidence: Evidence) -> list[tuple[str, Markup]]:
    """Title and chart of every curve that the data defines, the control's dashed in it."""
    found = []
    for curve in CURVES:
        if evidence.judged.curves[curve.name][0]:
            found.append((curve.title, _curve_chart(curve, evidence)))
    return found


@matplotlib.rc_context(STYLE)
def score_histogram(evidence: Evidence) -> Markup | None:
    """Good images above, defective ones below, the calibration normals between as ticks; None without test images.

    The threshold is an edge of the bins, so a bar lies wholly on one side of it and has one outcome's colour.
    """
    images = evidence.judged.images
    if not images:
        return None
    threshold = evidence.judged.report.threshold.image
    good = np.array([image.pred_score for image in images if not image.gt_label])
    defective = np.array([image.pred_score for image in images if image.gt_label])
    calibration = np.array(evidence.card.calibration.scores)
    edges = _edges(np.concatenate((good, defective, calibration)), threshold)
    drawing, axes = canvas(3.7, 3, height_ratios=(5, 1, 5), sharex=True)
    rows = ((axes[0], good, "passed", "reject"), (axes[2], defective, "miss", "caught"))
    for axis, scores, left, right in rows:
        _bars(axis, scores, edges, threshold, left, right)
        passing = int((scores <= threshold).sum())
        _count(axis, "left", left, passing)
        _count(axis, "right", right, scores.size - passing)
    axes[0].set_ylabel("good")
    axes[2].set_ylabel("defective")
    axes[1].vlines(calibration, 0, 1, color=COLOURS["calibration"], linewidth=0.9)
    axes[1].set_ylabel("calib.", rotation=0, ha="right", va="center")
    axes[1].set_yticks([])
    axes[1].grid(visible=False)
    for axis in axes:
        axis.axvline(threshold, color=COLOURS["ink"], linewidth=1.2, dashes=(4, 2))
        axis.tick_params(labelbottom=axis is axes[2])
    axes[2].set_xlabel(f"score of an image; dashed: the threshold, {score(threshold)}")
    judged = evidence.judged
    return inline(
        drawing,
        "histogram",
        "Scores of good and defective test images",
        f"The threshold is {score(threshold)}. {judged.false_rejects.count} of "
        f"{counted(judged.false_rejects.total, 'good image')} score above it, {judged.recall.rest} of "
        f"{counted(judged.recall.total, 'defective image')} do not.",
    )


def _curve_chart(curve: _Curve, evidence: Evidence) -> Markup:
    judged, control = evidence.judged, evidence.control
    drawing, (axis,) = canvas(_SQUARE)
    limit = judged.report.pro_limit if curve.name == "pro" else 1.0
    if curve.name == "roc":
        axis.plot((0, 1), (0, 1), color=COLOURS["line"], linewidth=1.0)
    _line(axis, curve, judged, color=COLOURS["accent"], linewidth=1.9, label=judged.method, zorder=3)
    if control is not None and control.curves[curve.name][0]:
        _line(axis, curve, control, color=COLOURS["control"], linewidth=1.4, dashes=(4, 2), label=control.method)
    point = _operating_point(curve.name, judged)
    if point is not None:
        axis.plot(*point, "o", color=COLOURS["ink"], markersize=6, clip_on=False, zorder=4, label="at the threshold")
    axis.set_xlim(0, limit)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel(curve.x_label)
    axis.set_ylabel(curve.y_label)
    if len(axis.get_legend_handles_labels()[0]) > 1:
        # Below the axes: inside it would hide the curve in one chart or another.
        drawing.legend(loc="outside lower center", ncols=3, handlelength=1.6, columnspacing=1.2)
    said = "" if point is None else f" At the threshold: {percent(point[0])} and {percent(point[1])}."
    return inline(drawing, curve.name, curve.title, f"{curve.y_label} against {curve.x_label}.{said}")


def _line(axis: Axes, curve: _Curve, judged: Judged, **style: Any) -> None:
    x, y = (np.array(values) for values in judged.curves[curve.name])
    if curve.steps:
        # As average precision counts it: a precision holds for the recall gained since the point before.
        x, y = np.concatenate(([0.0], x)), np.concatenate((y[:1], y))
    axis.plot(x, y, drawstyle="steps-pre" if curve.steps else "default", **style)


def _operating_point(name: CurveName, judged: Judged) -> tuple[float, float] | None:
    recall, rejected = judged.recall, judged.false_rejects
    if recall.share is None or rejected.share is None:
        return None
    if name == "roc":
        return rejected.share, recall.share
    if name == "pr" and recall.count:
        return recall.share, recall.count / (recall.count + rejected.count)
    return None


def _count(axis: Axes, side: Literal["left", "right"], outcome: str, count: int) -> None:
    words = {"reject": "falsely rejected", "miss": "missed"}.get(outcome, outcome)
    axis.set_title(f"{count} {words}", loc=side, fontsize=10.5, color=COLOURS[outcome if count else "muted"])


def _edges(scores: Scores, threshold: float) -> Scores:
    low, high = float(scores.min(initial=threshold)), float(scores.max(initial=threshold))
    width = max((high - low) / _BINS, 1e-9 * max(abs(threshold), 1.0))
    left, right = np.ceil((threshold - low) / width), np.ceil((high - threshold) / width)
    return threshold + width * np.arange(-max(left, 1) - 1, max(right, 1) + 1)


def _bars(axis: Axes, scores: Scores, edges: Scores, threshold: float, left: str, right: str) -> None:
    # A score at an edge belongs to the bar on its left, as a score at the threshold passes.
    counts = np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1)[1 : len(edges)]
    middles = (edges[:-1] + edges[1:]) / 2
    for outcome, side in ((left, middles < threshold), (right, middles > threshold)):
        axis.bar(middles[side], counts[side], width=0.9 * (edges[1] - edges[0]), color=COLOURS[outcome])
    axis.set_ylim(0, max(int(counts.max(initial=0)), 1) * 1.08)
    axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axis.grid(visible=False, axis="x")
