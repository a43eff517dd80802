"""A test image that was trained on tells nothing, and flatters."""

from __future__ import annotations

from collections.abc import Iterator

from tocoad.gate.case import Case
from tocoad.gate.finding import Figures, Finding

_NAME = "duplicates"
# That many are named, the others are counted.
_NAMED = 3


def duplicates(case: Case) -> Iterator[Finding]:
    data = case.evidence.data
    if data is None:
        reason = f"{_NAME}: nobody looked for test images that were trained on"
        yield Finding(name=_NAME, outcome="not applicable", reason=reason)
        return
    found = data.duplicates
    figures: Figures = {"images": float(sum(data.images.values())), "duplicates": float(len(found))}
    if not found:
        yield Finding(name=_NAME, outcome="passed", reason="no test image was trained on", figures=figures)
        return
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    named = ", ".join(found[:_NAMED]) + more
    reason = f"test images that were trained on: {named}; take them out (tocoad data add --remove)"
    yield Finding(name=_NAME, outcome="failed", reason=reason, figures=figures)
