"""A challenger is not let through because what it would have failed is tested no more.

Of the good and of the defective test images at most the share `gate.shrink_max` may be gone since the champion was
judged first, and of no type of defect all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding

_NAME = "test images"
_GOOD = "good"


def shrinkage(case: Case) -> Iterator[Finding]:
    data = case.evidence.data
    if data is None or data.before is None:
        why = "there is no champion yet" if case.champion is None else "it is not known what the champion was tested on"
        yield Finding(name=_NAME, outcome="not applicable", reason=f"{_NAME} not compared: {why}")
        return
    before, now = _kinds(data.before), _kinds(data.images)
    figures: Figures = {f"{kind} before": float(count) for kind, count in before.items()}
    figures |= {f"{kind} now": float(count) for kind, count in now.items()}
    faults = [
        f"{now[kind]} of {count} {kind} ones are left"
        for kind, count in before.items()
        if count - now[kind] > case.settings.shrink_max * count
    ]
    types = [kind for kind in sorted(data.before) if kind != _GOOD and data.before[kind]]
    faults += [f"none of {data.before[kind]} of type {kind} is left" for kind in types if not data.images.get(kind)]
    if faults:
        told = f"{_NAME}: {', '.join(faults)} (gate.shrink_max {case.settings.shrink_max:g})"
        reason = f"{told}; if they were taken out on purpose, tocoad promote makes this version champion"
        yield Finding(name=_NAME, outcome="failed", reason=reason, figures=figures)
        return
    was = f"the champion was judged first on {before[_GOOD]} and {before['defective']}"
    reason = f"{_NAME}: {now[_GOOD]} good and {now['defective']} defective ones; {was}"
    yield Finding(name=_NAME, outcome="passed", reason=reason, figures=figures)


def _kinds(images: Mapping[str, int]) -> dict[str, int]:
    good = images.get(_GOOD, 0)
    return {_GOOD: good, "defective": sum(images.values()) - good}
