"""An entry of the log fits where the log is kept, however many types of defect its findings name.

MLflow takes 100,000 characters. What an entry that is longer loses is, in this order: of each finding the figures
beyond some, the ends of long sentences, and the count of test images by type. Verdict, figures of the metrics, outcomes
of the rules and what a person has said stay, and the last reason says that something was left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

from tocoad.files.sealed import seal
from tocoad.gate.finding import Finding
from tocoad.gate.log import Entry
from tocoad.gate.records import Decision

MOST_CHARACTERS = 95_000
"""Of a sealed entry, with some left for the name of who answers."""
MOST_SAID = 1000
"""Characters that a person gives as a reason; they are never cut."""
SHORTENED = "this was too long for the log of decisions: figures by type, or ends of sentences, are left out"
# Figures of a finding and characters of a sentence, from the mildest on.
_STEPS = ((100, 10_000), (40, 2_000), (10, 500), (0, 200))


def bounded(entry: Entry, most: int = MOST_CHARACTERS) -> Entry:
    """The entry itself where it fits."""
    short = entry
    for figures, characters in _STEPS:
        if _length(short) <= most:
            return short
        short = _shortened(entry, figures, characters)
    return short if _length(short) <= most else short.model_copy(update={"images": {}})


def _length(entry: Entry) -> int:
    return len(seal(entry.model_dump(mode="json", by_alias=True), indent=None))


def _shortened(entry: Entry, figures: int, characters: int) -> Entry:
    cut, said = partial(_cut, characters=characters), partial(_cut, characters=max(characters, MOST_SAID))
    changed: dict[str, object] = {"reason": None if entry.reason is None else said(entry.reason)}
    changed |= {"taken_down": {version: said(why) for version, why in entry.taken_down.items()}}
    if entry.word is not None:
        changed |= {"word": {key: [*map(cut, of)] if isinstance(of, list) else of for key, of in entry.word.items()}}
    if entry.decision is not None:
        changed |= {"decision": _decision(entry.decision, figures, cut)}
    return entry.model_copy(update=changed)


def _decision(decision: Decision, figures: int, cut: Callable[[str], str]) -> Decision:
    """A reason that is a finding's stays so."""
    reasons = tuple(cut(reason) for reason in decision.reasons if reason != SHORTENED)
    findings = tuple(
        Finding(
            name=found.name,
            outcome=found.outcome,
            reason=cut(found.reason),
            figures=dict(islice(found.figures.items(), figures)),
        )
        for found in decision.findings
    )
    return decision.model_copy(update={"reasons": (*reasons, SHORTENED), "findings": findings})


def _cut(sentence: str, characters: int) -> str:
    left = len(sentence) - characters
    return sentence if left <= 0 else f"{sentence[:characters]}... ({left} characters more)"
