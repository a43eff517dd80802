"""Which feedback a detector was trained and tested with, that the champion before it was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocoad.feedback.record import Intake


@dataclass(frozen=True)
class Absorbed:
    """What joined the training and the test images, and who said so; `since` is the version that had it not, None
    where there was none before.
    """

    since: int | None
    false_rejects: int
    missed_defects: int
    people: tuple[str, ...]


def absorbed(
    verdict: Mapping[str, Any], verdicts: Iterable[Mapping[str, Any]], intakes: Sequence[Intake]
) -> Absorbed | None:
    """Of a verdict of the ledger; `verdicts` are all of the model. None where nothing came.

    A run keeps out who would change its data until its verdict is given: what was taken in after the first word on the
    champion, and before this one, is what the champion's data had not.
    """
    champion, model = verdict.get("champion"), verdict["model"]
    own = [one for one in verdicts if one["model"] == model]
    words = [datetime.fromisoformat(one["time"]) for one in own if one.get("version") == champion]
    since, until = min(words, default=None), datetime.fromisoformat(verdict["time"])
    category = model.partition(".")[2]
    came = [
        (statement, statement.who or intake.by)
        for intake in intakes
        if intake.category == category and datetime.fromisoformat(intake.time) < until
        if since is None or datetime.fromisoformat(intake.time) > since
        for statement in intake.statements
        if statement.verdict != "unclear" and statement.path in statement.added
    ]
    if not came:
        return None
    rejects = sum(statement.verdict == "false reject" for statement, _ in came)
    people = tuple(dict.fromkeys(who for _, who in came))
    return Absorbed(champion, rejects, len(came) - rejects, people)
