"""How champion and challenger compare, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from tocoad.evaluation.gallery import Outcome, outcome_of
from tocoad.gate.comparison import Changed, Comparison, Contestant, Kind
from tocoad.gate.records import MADE
from tocoad.report.text import apart, counted, score

_NOW: dict[Outcome, str] = {
    "miss": "missed now",
    "false reject": "rejected now",
    "caught": "caught now",
    "passed": "passed now",
}


def named(one: Contestant) -> str:
    """`version 3 (tocoad)`."""
    return f"version {one.version} ({one.method})"


def kind_name(kind: Kind) -> str:
    """Anomalies that were made are called that."""
    return "made anomalies" if kind.defect_type == MADE else kind.defect_type


def outcome(changed: Changed) -> Outcome:
    """Of the challenger."""
    return outcome_of(changed.gt_label, changed.challenger_rejects)


def what_changed(changed: Changed) -> str:
    return _NOW[outcome(changed)]


def scores(changed: Changed, thresholds: Sequence[float | None]) -> tuple[str, str]:
    """Of challenger and champion, each beside its own threshold: `0.44 ≤ 0.52`."""
    labels = changed.challenger_rejects, not changed.challenger_rejects
    values = changed.challenger_score, changed.champion_score
    new, old = (_beside(*one) for one in zip(values, labels, thresholds, strict=True))
    return new, old


def _beside(value: float, rejects: bool, threshold: float | None) -> str:
    if threshold is None:
        return score(value)
    shown = apart(value, threshold)
    return f"{shown[0]} {'>' if rejects else '≤'} {shown[1]}"


def headline(comparison: Comparison) -> str:
    """How many images are judged otherwise, in one sentence."""
    images = counted(comparison.images, "test image")
    if not comparison.images:
        return "There is no test image that tells the two apart."
    if not comparison.changed:
        return f"Both give the same verdict on {'it' if comparison.images == 1 else 'every one'} of {images}."
    return f"It judges {len(comparison.changed)} of {images} otherwise than the champion."


def changes(comparison: Comparison) -> list[str]:
    """Which these are, what is worse first."""
    lost, gained = _count(comparison, good=False)
    rejected, passed = _count(comparison, good=True)
    found = [
        (lost, "defective one", "that the champion catches", ("passes unnoticed", "pass unnoticed")),
        (rejected, "good one", "that the champion passes", ("is rejected", "are rejected")),
        (gained, "defective one", "that the champion misses", ("is caught", "are caught")),
        (passed, "good one", "that the champion rejects", ("passes", "pass")),
    ]
    return [f"{counted(count, what)} {which} {now[count != 1]}" for count, what, which, now in found if count]


def _count(comparison: Comparison, good: bool) -> tuple[int, int]:
    kinds = [kind for kind in comparison.kinds if kind.good == good]
    return sum(kind.lost for kind in kinds), sum(kind.gained for kind in kinds)
