"""The record of what became champion: entries in one order, of which the replay tells which count and what holds.

An entry was made in the knowledge of one reign. It counts only if that reign is still the one in force after the
entries before it: of two that were made at once the first counts, and whoever made the other looks anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tocoad.gate.records import Decision, Verdict
from tocoad.gate.subject import Subject

Action = Literal["adopt", "judge", "promote", "rollback", "approve", "decline", "expire"]
"""`adopt`: what stood before there was a log. `judge`: the gate's verdict. `approve`, `decline`: a person's answer to
one that waits, `expire`: nobody gave it in time. `promote` and `rollback` are a person's moves, or by a setting the
gate's.
"""
ANSWERS = ("approve", "decline", "expire")
# These begin a reign, even one of the same champion: who decided in the knowledge of the one before looks anew.
_MOVES = ("adopt", "promote", "rollback")


class Entry(BaseModel):
    """What was decided. `id` is that of the decision: a second copy, which a retry left, counts for nothing.

    `after` is the number of the entry with which the reign began that the decision knew of; 0: there was no champion.
    `old` and `new` are the versions in force before and after it, written `from` and `to`. Of a verdict `version` is
    the one that was judged, `subject` what it is about, `metrics` its figures and `images` the test images by defect
    type. An answer to a version that waited has the same, and with it the verdict that came of it; a rollback by the
    gate has the same of the champion that it takes down. Of a move by hand `package` is the digest of the version that
    it makes champion, `word` what the gate had said of it last, and `metrics` on which figures. Only `adopt` has
    `former`, the earlier champions, the last one last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    format: Literal[1] = 1
    id: str
    time: str
    by: str
    host: str = ""
    action: Action
    after: int
    old: int | None = Field(alias="from")
    new: int | None = Field(alias="to")
    reason: str | None = None
    version: int | None = None
    subject: Subject | None = None
    decision: Decision | None = None
    metrics: dict[str, float | None] = {}
    images: dict[str, int] = {}
    package: str | None = None
    run_id: str | None = None
    word: dict[str, object] | None = None
    former: tuple[int, ...] = ()
    taken_down: dict[int, str] = {}


class Numbered(NamedTuple):
    """An entry at its place in the order."""

    number: int
    entry: Entry


@dataclass
class History:
    """What holds after a replay. `reign` is the number of the entry that made the champion, 0 where there is none.

    `former` are the versions that were champion before, the last one last; `taken_down` those that a person rolled
    back, with the reason; `waiting` is the verdict that a person is to answer: the last such, while the champion is the
    one that it met and nobody has answered. `lost` are the entries that do not count.
    """

    champion: int | None = None
    reign: int = 0
    former: list[int] = field(default_factory=list)
    taken_down: dict[int, str] = field(default_factory=dict)
    waiting: Numbered | None = None
    counted: list[Numbered] = field(default_factory=list)
    lost: list[Numbered] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _decided: set[int | None] = field(default_factory=set)
    _on_taken_down: set[int] = field(default_factory=set)

    def way_back(self, present: Collection[int] | None = None) -> int | None:
        """Where a rollback leads: to the version that was champion last before and was not taken down; `present` are
        the versions that there still are (None: all).
        """
        return next(iter(self.ways_back(present)), None)

    def ways_back(self, present: Collection[int] | None = None) -> list[int]:
        """All such versions, the last first."""
        return [
            version
            for version in dict.fromkeys(reversed(self.former))
            if version != self.champion and version not in self.taken_down and (present is None or version in present)
        ]

    def images_at_first(self, version: int) -> dict[str, int] | None:
        """The test images by defect type of the first verdict on the version that has them; None where none has."""
        return next((entry.images for _, entry in self.counted if entry.version == version and entry.images), None)

    def verdict(self, subject: Subject) -> Entry | None:
        """The last verdict that counts about just this; none where a person has taken the version down since, or
        brought it back, nor where it was to wait and that has become void.
        """
        found = ((n, e) for n, e in reversed(self.counted) if e.subject == subject and e.decision is not None)
        number, entry = next(found, (0, None))
        if entry is None or (number in self._on_taken_down) != (entry.version in self.taken_down):
            return None
        return None if self.is_void(entry) else entry

    def verdict_on(self, version: int, evaluation_set: str | None = None, rules: str | None = None) -> Entry | None:
        """The last verdict that counts on the version, on this evaluation set and by these rules (None: any)."""
        for _, entry in reversed(self.counted):
            if entry.subject is None or entry.version != version:
                continue
            if evaluation_set in (None, entry.subject.evaluation_set) and rules in (None, entry.subject.rules):
                return entry
        return None

    def challenger(self, present: Collection[int]) -> int | None:
        """Of the versions `present` the one that waits for a person, else the newest that is open."""
        if self.waiting is not None and self.waiting.entry.version in present:
            return self.waiting.entry.version
        return max(filter(self.is_open, present), default=None)

    def is_open(self, version: int) -> bool:
        """Whether it came after the champion and has no verdict yet: who registered it broke off, or is still at it."""
        return version > (self.champion or 0) and version not in self._decided

    def status(self, version: int) -> Verdict | None:
        """The last verdict that counts on the version; None where there is none, or where it was to wait and that has
        become void.
        """
        entry = self.verdict_on(version)
        return None if entry is None or entry.decision is None or self.is_void(entry) else entry.decision.verdict

    def is_void(self, entry: Entry) -> bool:
        """Whether its verdict was to wait for a person, and does so no more."""
        waits = entry.decision is not None and entry.decision.verdict == "waiting"
        return waits and (self.waiting is None or self.waiting.entry.id != entry.id)

    def since(self, reign: int) -> list[Entry]:
        """What moved the champion after the reign began."""
        return [e for number, e in self.counted if number > reign and (e.old != e.new or e.action in _MOVES)]

    def counts(self, identity: str) -> bool:
        """Whether the decision is among those that count."""
        return identity in self._ids

    def take(self, number: int, entry: Entry) -> None:
        """The next entry in the order."""
        late = entry.action == "adopt" and bool(self.counted)
        asked = None if self.waiting is None else (self.waiting.entry.version, self.waiting.entry.subject)
        unasked = entry.action in ANSWERS and asked != (entry.version, entry.subject)
        other_reign = (entry.after, entry.old) != (self.reign, self.champion)
        if entry.id in self._ids or late or unasked or other_reign:
            self.lost.append(Numbered(number, entry))
            return
        self._ids.add(entry.id)
        self._decided |= {entry.new, *entry.former, *entry.taken_down} | ({entry.version} if entry.decision else set())
        self.counted.append(Numbered(number, entry))
        if entry.action == "judge" and entry.version in self.taken_down:
            self._on_taken_down.add(number)
        if entry.action == "adopt":
            self.former = list(entry.former)
            self.taken_down = dict(entry.taken_down)
        if entry.action == "promote":
            self.taken_down.pop(entry.new or 0, None)
        if entry.action == "rollback" and entry.old is not None:
            self.taken_down[entry.old] = entry.reason or ""
        if entry.action in ANSWERS:
            self.waiting = None
        if entry.new != entry.old or entry.action in _MOVES:
            if self.champion is not None and self.champion != entry.new:
                self.former.append(self.champion)
            self.champion, self.reign = entry.new, number
            self.waiting = None
        if entry.decision is not None and entry.decision.verdict == "waiting":
            self.waiting = Numbered(number, entry)


def replay(entries: Iterable[Numbered]) -> History:
    """Everything follows from the order of the entries."""
    history = History()
    for number, entry in entries:
        history.take(number, entry)
    return history
