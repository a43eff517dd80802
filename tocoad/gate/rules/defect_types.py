"""A type of defect that the champion catches may not be lost, however much is gained with others.

Caught is a type of which at least the share `gate.caught_min` is rejected. One that falls below it is lost where
nothing of it is caught any more, or where that is no chance: so few of the images on which the two differ would the
challenger catch with probability `gate.risk` at most, were both equally good (exact sign test). Else the images cannot
tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from scipy.special import bdtrc

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding, Outcome
from tocoad.gate.records import Candidate

_NAME = "recall by defect type"


class _Catch(NamedTuple):
    """Of one type: its images, how many of them each detector catches, and how many one alone does."""

    images: int
    challenger: int
    champion: int
    champion_alone: int
    challenger_alone: int

    @property
    def chance(self) -> float:
        """P(the champion alone catches so many of those on which they differ), were both equally good."""
        return float(bdtrc(self.champion_alone - 1, self.champion_alone + self.challenger_alone, 0.5))

    def is_lost(self, risk: float) -> bool:
        return self.challenger == 0 or self.chance <= risk


def defect_types(case: Case) -> Iterator[Finding]:
    if case.champion is None or case.challenger.synthetic:
        why = "there is no champion yet" if case.champion is None else "there are no defective test images"
        yield Finding(name=_NAME, outcome="not applicable", reason=f"{_NAME} not compared: {why}")
        return
    least, types = case.settings.caught_min, _types(case.challenger, case.champion)
    caught = {name: catch for name, catch in types.items() if catch.champion >= least * catch.images}
    below = {name: catch for name, catch in caught.items() if catch.challenger < least * catch.images}
    lost = {name: catch for name, catch in below.items() if catch.is_lost(case.settings.risk)}
    rule = f"a type of which the champion catches {least:.0%} may not be lost"
    if lost:
        yield _finding("failed", f"lost is {_told(lost)}: {rule}", types)
    elif below:
        yield _finding("unsure", f"too few images tell whether {_told(below)} is lost: {rule}", types)
    elif caught:
        yield _finding("passed", f"no type of defect is lost, of {len(caught)} that are caught", types)
    else:
        yield _finding("not applicable", f"{_NAME} not compared: the champion catches none", types)


def _finding(outcome: Outcome, reason: str, types: Mapping[str, _Catch]) -> Finding:
    figures: Figures = {}
    for name, catch in types.items():
        figures[f"{name} challenger"] = catch.challenger / catch.images
        figures[f"{name} champion"] = catch.champion / catch.images
    return Finding(name=_NAME, outcome=outcome, reason=reason, figures=figures)


def _types(challenger: Candidate, champion: Candidate) -> dict[str, _Catch]:
    before = {image.image_path: image.pred_label for image in champion.images}
    pairs: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for image in challenger.images:
        if image.gt_label == 1 and image.image_path in before:
            pairs[image.defect_type].append((image.pred_label, before[image.image_path]))
    return {
        name: _Catch(
            images=len(found),
            challenger=sum(new for new, _ in found),
            champion=sum(old for _, old in found),
            champion_alone=found.count((False, True)),
            challenger_alone=found.count((True, False)),
        )
        for name, found in sorted(pairs.items())
    }


def _told(types: Mapping[str, _Catch]) -> str:
    return ", ".join(
        f"{name} ({catch.challenger} of {catch.images} caught, {catch.champion} by the champion)"
        for name, catch in types.items()
    )
