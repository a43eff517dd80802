"""What a look at a category came to, and the memory of it from one look to the next."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from tocoad.watch.look import Look

Outcome = Literal[
    "failed", "alarm", "alarm told", "no champion", "no reference", "no images", "too few", "nothing new", "as before"
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""The most urgent first."""


class Alarm(BaseModel):
    """The last one of a category. One about another champion, which has a reference of its own, is forgotten."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: datetime
    version: int
    sentence: str


class Watched(BaseModel):
    """Of one category. `version` is the champion that was asked, `window` names the images that were compared.

    Of `images` it rejects `rejected`, of good ones it promised `expected` at most. `farthest` are the images that lie
    farthest off. `unreadable` were left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: Outcome
    sentence: str
    time: datetime
    version: int | None = None
    images: int = 0
    rejected: int | None = None
    expected: float | None = None
    p: float | None = None
    moved: tuple[str, ...] = ()
    farthest: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    window: str | None = None
    alarm: Alarm | None = None

    def standing(self, champion: int | None) -> Alarm | None:
        """The alarm about this champion that no look has found to be over."""
        alarm = self.alarm
        return None if alarm is None or alarm.version != champion or self.outcome == "as before" else alarm

    def document(self) -> dict[str, Any]:
        """For `--json`, and for whoever is told."""
        return self.model_dump(mode="json")


def remembered(file: Path) -> Watched | None:
    """What the last look came to; None where there is nothing, or nothing that can be read."""
    try:
        return Watched.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None


def judged(look: Look, version: int, now: datetime, last: Alarm | None, hours: float) -> tuple[Outcome, Alarm | None]:
    """What the look is called, and the alarm to remember: for `hours` after an alarm about this champion there is no
    other, however many looks find the same.
    """
    known = last if last is not None and last.version == version else None
    if look.p is None:
        return "too few", known
    if not look.is_alarm:
        return "as before", known
    if known is not None and now < known.time + timedelta(hours=hours):
        return "alarm told", known
    return "alarm", Alarm(time=now, version=version, sentence=look.sentence)
