"""The package gives what was judged: an altered one is another detector."""

from __future__ import annotations

from collections.abc import Iterator

from tocoad.gate.case import Case
from tocoad.gate.finding import Finding


def parity(case: Case) -> Iterator[Finding]:
    found = case.evidence.parity
    if found is None:
        yield Finding(name="parity", outcome="not applicable", reason="parity: it was not checked")
    else:
        yield found.finding
