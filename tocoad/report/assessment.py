"""What the figures mean, in plain words: would one ship it, what speaks against it, how far the evidence goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tocoad.report.evidence import Evidence
from tocoad.report.rates import Rate, chance_of_rejects
from tocoad.report.text import NBSP, counted, listed, percent, percent_range, score
from tocoad.report.training import COLLAPSED, RISE_MAX, rise
from tocoad.stages.resources import mixed

# The summary prints these rules; they decide what a person is asked to look at, and nothing else.
RECALL_MIN, TYPE_RECALL_MIN, TYPE_IMAGES_MIN = 0.9, 0.5, 10
CHANCE_MIN = 0.05  # one-sided: too few rejects trouble nobody, nor does a loss that falls
RULES = (
    "the gate has not promoted it, or waits for a person's answer",
    f"it misses more than {percent(1 - RECALL_MIN, 0)} of the defective test images, or there is none to tell",
    f"it misses more than {percent(1 - TYPE_RECALL_MIN, 0)} of one defect type",
    "it rejects more good test images than its threshold promises, beyond what chance explains",
    "a figure is below the control's, beyond what chance explains",
    f"its training collapsed, or D's loss rose by more than {percent(RISE_MAX, 0)}, beyond what chance explains",
)
State = Literal["ship", "look", "stop"]


@dataclass(frozen=True)
class Assessment:
    """`stop`: the gate turned it away. `look`: `points` speak against it. `ship`: nothing measured does.

    `cautions` say where the evidence is thin; they say nothing against the detector.
    """

    state: State
    headline: str
    points: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def rank(self) -> int:
        """Lower needs a person sooner."""
        return {"stop": 0, "look": 1, "ship": 2}[self.state]


def assess(evidence: Evidence, verdict: Mapping[str, Any] | None) -> Assessment:
    """`verdict` is the gate's last one on these figures."""
    said = verdict["verdict"] if verdict else None
    points = _points(evidence)
    if said is None:
        points.insert(0, "The gate has not judged it: no verdict on these figures is recorded.")
    if said == "waiting":
        name = f"{evidence.category.dataset} {evidence.category.name}"
        points.insert(0, f"It waits for a person's answer: tocoad approve {name} --reason TEXT, or with --reject.")
    cautions = tuple(_cautions(evidence))
    if said in ("kept", "rejected"):
        assert verdict is not None
        # The first reason decided: a floor, the comparison with the champion, or that it was rolled back before.
        headline = f"Not as it is: the gate said \u201c{said}\u201d ({verdict['reasons'][0]})."
        return Assessment("stop", headline, tuple(points), cautions)
    if points:
        return Assessment("look", f"Look first: {counted(len(points), 'point')} to settle.", tuple(points), cautions)
    return Assessment("ship", "Nothing measured here speaks against it.", (), cautions)


def catches(recall: Rate) -> str:
    if not recall.total:
        return "There is no defective test image, so nothing is known of what it misses."
    return f"Catches {recall.count} of {counted(recall.total, 'defective test image')} ({_rate(recall)})."


def rejects(false_rejects: Rate) -> str:
    if not false_rejects.total:
        return "There is no good test image, so nothing is known of what it rejects wrongly."
    images = counted(false_rejects.total, "good one")
    return f"Rejects {false_rejects.count} of {images} ({_rate(false_rejects)})."


def weakest_type(evidence: Evidence) -> str | None:
    """The defect type of which the least is caught; None where there is none."""
    rates = evidence.judged.recall_by_type
    if not rates:
        return None
    name, rate = next(iter(rates.items()))
    if not rate.rest:
        return "No defect type has a miss." if len(rates) > 1 else f"No miss among its one defect type, {name}."
    return f"The weakest defect type is {name}: {rate.count} of {rate.total} caught ({_rate(rate)})."


def promise(evidence: Evidence) -> str:
    """What the threshold promises, and from how many images."""
    threshold = evidence.card.image_threshold
    return (
        f"The threshold, {score(threshold.value)}, was set on {counted(threshold.n, 'good calibration image')} and "
        f"no defect. Of future good parts it is expected to reject {percent(threshold.expected_false_reject_rate)} at "
        f"most; had those images been an unlucky draw, {percent(threshold.rate_bound())} at most "
        f"(95{NBSP}% confidence)."
    )


def against_control(evidence: Evidence) -> str | None:
    """One sentence; None where the category has no control beside it."""
    control = evidence.control
    if control is None:
        return None
    if not evidence.comparable:
        return f"The control, {control.method}, was judged on other images: it is not comparable."
    differences = evidence.differences
    better = [name for name, found in differences.items() if found.direction > 0]
    worse = [name for name, found in differences.items() if found.direction < 0]
    rest = len(differences) - len(better) - len(worse)
    if not differences:
        return f"The data has no figure to compare with the control, {control.method}."
    if not any(found.interval for found in differences.values()):
        return f"No interval of the difference to the control, {control.method}, was drawn."
    if not better and not worse:
        return f"No metric shows a difference from the control, {control.method}, beyond what chance explains."
    parts = [f"better in {listed([*better])}"] if better else []
    parts += [f"worse in {listed([*worse])}"] if worse else []
    parts += [f"without a clear difference in {rest} of {len(differences)} metrics"] if rest else []
    return f"Against the control, {control.method}, it is {'; '.join(parts)}."


def _points(evidence: Evidence) -> list[str]:
    judged = evidence.judged
    recall, rejected, promised = judged.recall, judged.false_rejects, evidence.card.image_threshold
    points = []
    if recall.share is None:
        points.append("No defective test image: its recall is unknown.")
    elif recall.share < RECALL_MIN:
        missed = percent(1 - recall.share)
        points.append(f"It misses {missed} of the defective test images: more than {percent(1 - RECALL_MIN, 0)}.")
    low_types = [
        f"{name} ({rate.count} of {rate.total})"
        for name, rate in judged.recall_by_type.items()
        if (rate.share or 0.0) < TYPE_RECALL_MIN
    ]
    if low_types:
        points.append(f"It catches less than half of {listed(low_types)}.")
    if rejected.count and (chance := chance_of_rejects(rejected, promised)) < CHANCE_MIN:
        points.append(
            f"It rejects {percent(rejected.share)} of the good test images where its threshold promises "
            f"{percent(promised.expected_false_reject_rate)}: by chance that happens in {percent(chance)} of cases."
        )
    worse = [name for name, found in evidence.differences.items() if found.direction < 0]
    if worse:
        points.append(f"It is worse than the control in {listed([*worse])}.")
    return points + _training_points(evidence)


def _training_points(evidence: Evidence) -> list[str]:
    points = []
    for curves in evidence.training:
        if curves.spread is not None and (end := curves.spread[1][-1]) < COLLAPSED:
            points.append(
                f"Its training collapsed: the spread of the projections ended at {end:.2g}, where 1 is as it should be."
            )
        found = rise(curves.guide[1]) if curves.guide is not None else None
        if found is not None and found.share > RISE_MAX and found.chance < CHANCE_MIN:
            points.append(
                "Its training lost sight of damage: D's loss on synthetic anomalies rose by "
                f"{percent(found.share, 0)} from the first quarter of {curves.stage} to the last."
            )
    return points


def _cautions(evidence: Evidence) -> list[str]:
    judged, counts, threshold = evidence.judged, evidence.judged.report.counts, evidence.card.image_threshold
    cautions = []
    if not threshold.sufficient:
        cautions.append(f"Few calibration images: {threshold.message}.")
    if not counts.good:
        cautions.append("No good test image: its false rejects are unknown.")
    elif (reach := Rate(0, counts.good).interval) is not None and reach[1] > threshold.expected_false_reject_rate:
        cautions.append(
            f"{counted(counts.good, 'good test image')} cannot confirm a false-reject rate of "
            f"{percent(threshold.expected_false_reject_rate)}: even without a single reject the true rate could be "
            f"{percent(reach[1])}."
        )
    rates = judged.recall_by_type
    few = [name for name, rate in rates.items() if rate.total < TYPE_IMAGES_MIN]
    if few:
        cautions.append(
            f"Fewer than {TYPE_IMAGES_MIN} test images in {len(few)} of {counted(len(rates), 'defect type')} "
            f"({listed(sorted(few))}): mind the intervals."
        )
    if counts.defective and counts.without_mask == counts.defective:
        cautions.append("No defective test image has a mask: whether the right place was found is not judged.")
    elif counts.without_mask:
        cautions.append(
            f"{counts.without_mask} of {counts.defective} defective test images have no mask: the pixel metrics leave "
            "them out."
        )
    if not judged.report.intervals and any(value is not None for value in judged.report.metrics.values()):
        cautions.append("No bootstrap draws were made: the metrics stand without intervals.")
    told = ((curves.stage, mixed(curves.processors)) for curves in evidence.training)
    return cautions + [f"{stage.capitalize()} was {how}." for stage, how in told if how is not None]


def _rate(rate: Rate) -> str:
    return f"{percent(rate.share)}, 95{NBSP}% interval {percent_range(rate.interval)}"
