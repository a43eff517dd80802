"""What a tidying-up keeps: a restore of a kept version finds all it wants, after whatever history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings as drawing
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tocoad.gate.keeping import kept_versions, removable, with_files
from tocoad.gate.log import Entry, History
from tocoad.gate.records import Decision
from tocoad.gate.subject import Subject

LINES = (("parts", "gear"), ("parts", "bolt"), ("copies", "gear"))
DATASETS = ("parts", "copies")
# Few contents, so that versions, categories and data sets share them.
CONTENTS = st.frozensets(st.sampled_from([f"file-{number}" for number in range(8)]), min_size=1, max_size=3)
OWNERS = st.sampled_from(LINES)
VERDICTS = st.sampled_from(["promoted", "waiting", "kept", "rejected", None])


def listing_of(files: frozenset[str]) -> str:
    return "+".join(sorted(files)) + ".dir"


def assert_whole(place: set[str], listings: dict[str, frozenset[str]]) -> None:
    assert all(listings[name] <= place for name in place & listings.keys())


@dataclass
class Line:
    """A category's versions. Champions are told beside the log, by a way of their own."""

    log: History = field(default_factory=History)
    wants: dict[int, set[str]] = field(default_factory=dict)
    reigns: list[int] = field(default_factory=list)
    down: set[int] = field(default_factory=set)
    undecided: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)

    def enter(self, action: str, new: int | None, **more: Any) -> None:
        number = len(self.log.counted) + 1
        who = {"id": str(number), "time": "now", "by": "anna", "action": action}
        entry = Entry.model_validate({**who, "after": self.log.reign, "from": self.log.champion, "to": new, **more})
        self.log.take(number, entry)
        assert self.log.counts(entry.id)

    def must_stay(self, keep: int) -> set[int]:
        """By the rule's own words: last N, champion, where a rollback would lead, whatever waits for a verdict or for
        a person.
        """
        champion = self.reigns[-1] if self.reigns else 0
        back = [version for version in self.reigns if version != champion and version not in self.down]
        numbers = sorted(self.wants)
        last = numbers[::-1][:keep]
        waiting = {version for version in self.undecided if version > champion}
        return {*last, *([champion] if champion else []), *back[-1:], *waiting, *self.asked}


class Histories(RuleBasedStateMachine):
    """`places` are the cache and the store; `data` and `made` are what lies in the workspace."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = {owner: Line() for owner in LINES}
        self.data: dict[str, frozenset[str]] = {}
        self.made: dict[tuple[str, str], frozenset[str]] = {}
        self.places: tuple[set[str], set[str]] = (set(), set())
        self.listings: dict[str, frozenset[str]] = {}

    def put(self, files: frozenset[str]) -> str:
        name = listing_of(files)
        self.listings[name] = files
        for place in self.places:
            place.update(files, [name])
        return name

    @rule(dataset=st.sampled_from(DATASETS), files=CONTENTS)
    def images_come(self, dataset: str, files: frozenset[str]) -> None:
        self.put(files)
        self.data[dataset] = files

    @rule(owner=OWNERS, nights=st.lists(st.tuples(CONTENTS, CONTENTS, VERDICTS), min_size=1, max_size=4))
    def nights_pass(self, owner: tuple[str, str], nights: list[tuple[frozenset[str], ...]]) -> None:
        for images, weights, verdict in nights:
            self.images_come(owner[0], images)
            self.retrain(owner, images, weights, verdict)

    def retrain(
        self, owner: tuple[str, str], images: frozenset[str], weights: frozenset[str], verdict: str | None
    ) -> None:
        self.made[owner] = weights
        line = self.lines[owner]
        version = len(line.wants) + 1
        # The listing of the images, that of one output, and an output that is a file.
        line.wants[version] = {self.put(images), self.put(weights), min(weights)}
        line.undecided.add(version)
        if verdict is not None:
            line.undecided.discard(version)
            subject = Subject(method="tocoad", package=str(version), evaluation_set="e", rules="r")
            decision = Decision(verdict=verdict, reasons=())
            new = version if verdict == "promoted" else line.log.champion
            line.enter("judge", new, version=version, subject=subject, decision=decision)
            if verdict == "waiting":
                line.asked = {version}
            if verdict == "promoted":
                line.reigns.append(version)
                line.asked = set()

    @rule(owner=OWNERS, pick=st.integers(0, 20))
    def promote(self, owner: tuple[str, str], pick: int) -> None:
        line = self.lines[owner]
        if line.wants:
            version = sorted(line.wants)[pick % len(line.wants)]
            line.enter("promote", version)
            line.undecided.discard(version)
            line.down.discard(version)
            line.asked = set()
            if line.reigns[-1:] != [version]:
                line.reigns.append(version)

    @rule(owner=OWNERS)
    def rollback(self, owner: tuple[str, str]) -> None:
        line = self.lines[owner]
        champion = line.reigns[-1] if line.reigns else 0
        back = [version for version in line.reigns if version != champion and version not in line.down]
        if back:
            line.enter("rollback", back[-1], reason="bad")
            line.down.add(champion)
            line.reigns.append(back[-1])
            line.asked = set()

    @rule(dataset=st.sampled_from(DATASETS), keep=st.integers(0, 2), ends_after=st.integers(0, 9) | st.just(99))
    def tidy(self, dataset: str, keep: int, ends_after: int) -> None:
        own = {owner: line for owner, line in self.lines.items() if owner[0] == dataset}
        needed: set[str] = set()
        for images in self.data.values():
            needed |= with_files([listing_of(images)], self.listings.get)
        for weights in self.made.values():
            needed |= with_files([listing_of(weights), min(weights)], self.listings.get)
        old: set[str] = set()
        for owner, line in self.lines.items():
            kept = kept_versions(line.log, line.wants, keep) if owner in own else {**line.wants}
            for version, names in line.wants.items():
                wants = with_files(names, self.listings.get)
                (needed if version in kept else old).update(wants)
            if owner in own:
                assert set(kept) == line.must_stay(keep)
                line.lost |= line.wants.keys() - kept.keys()
        for place in self.places:
            lying = {name: files for name, files in self.listings.items() if name in place}
            going = removable(old & place, needed, (), lying, self.listings.get)
            # As a store removes them: no listing stays behind without its files.
            in_order = sorted(going, key=lambda name: not name.endswith(".dir"))
            for name in in_order[:ends_after]:
                place.discard(name)
                assert_whole(place, lying)
            if ends_after >= len(going):
                still = set().union(*(files for name, files in lying.items() if name not in going))
                assert not (place & old) - needed - still, "what nothing wants is gone"

    @invariant()
    def what_was_never_given_up_can_be_restored(self) -> None:
        present = {listing_of(files) for files in (*self.data.values(), *self.made.values())}
        for line in self.lines.values():
            for version in line.wants.keys() - line.lost:
                present |= line.wants[version]
        for place in self.places:
            assert with_files(present, self.listings.get) <= place

    @invariant()
    def no_listing_lies_there_without_its_files(self) -> None:
        for place in self.places:
            assert_whole(place, self.listings)


TestAnyHistory = Histories.TestCase
TestAnyHistory.settings = drawing(max_examples=100, stateful_step_count=12)


def test_what_somebody_may_just_be_bringing_stays_with_its_files() -> None:
    listings = {"a.dir": ["1"]}
    assert removable({"1", "2", "a.dir"}, (), {"a.dir"}, listings, listings.get) == {"2"}


def test_a_listing_that_nobody_here_knows_keeps_its_files() -> None:
    listings = {"a colleague's.dir": ["1"]}
    assert removable({"1", "2"}, (), (), listings, listings.get) == {"2"}
