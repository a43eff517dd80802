"""Entries in one order, and what the replay makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tocoad.gate.log import Entry, Numbered, replay
from tocoad.gate.records import Decision
from tocoad.gate.subject import Subject, rules_digest
from tocoad.settings.sections import Settings


def subject(package: str = "p", evaluation_set: str = "e") -> Subject:
    return Subject(method="tocoad", package=package, evaluation_set=evaluation_set, rules="r")


def entry(action: str, after: int, old: int | None, new: int | None, **more: Any) -> Entry:
    base = {"id": f"{action} {after} {old} {new} {more}", "time": "now", "by": "anna", "action": action}
    return Entry.model_validate({**base, "after": after, "from": old, "to": new, **more})


def verdict(after: int, old: int | None, version: int, word: str, **more: Any) -> Entry:
    decision = Decision(verdict=word, reasons=("because",))
    new = version if word == "promoted" else old
    return entry("judge", after, old, new, version=version, decision=decision, **{"subject": subject(), **more})


def numbered(*entries: Entry) -> list[Numbered]:
    return [Numbered(number, one) for number, one in enumerate(entries, start=1)]


def test_of_two_that_promote_at_once_the_first_counts_and_the_other_was_not_compared_with_it() -> None:
    history = replay(
        numbered(verdict(0, None, 1, "promoted"), verdict(1, 1, 2, "promoted"), verdict(1, 1, 3, "promoted"))
    )
    assert (history.champion, history.reign, history.way_back()) == (2, 2, 1)
    assert [number for number, _ in history.lost] == [3]
    again = verdict(2, 2, 3, "kept")
    history.take(4, again)
    assert (history.champion, history.reign) == (2, 2) and history.counts(again.id)


def test_an_entry_that_knew_an_earlier_reign_of_the_same_champion_does_not_count() -> None:
    """1, 2, and back to 1: who judged against the first reign of 1 has not seen why 2 was taken down."""
    back = entry("rollback", 2, 2, 1, reason="misses cracks")
    history = replay(numbered(verdict(0, None, 1, "promoted"), verdict(1, 1, 2, "promoted"), back))
    history.take(4, verdict(1, 1, 3, "promoted"))
    assert (history.champion, history.reign, history.taken_down) == (1, 3, {2: "misses cracks"})
    assert [number for number, _ in history.lost] == [4]


def test_a_verdict_that_moves_nothing_does_not_make_others_lose() -> None:
    history = replay(numbered(verdict(0, None, 1, "promoted"), verdict(1, 1, 2, "kept"), verdict(1, 1, 3, "promoted")))
    assert history.champion == 3 and not history.lost


def test_the_same_decision_written_twice_counts_once() -> None:
    back = entry("rollback", 2, 2, 1, reason="bad")
    history = replay(numbered(verdict(0, None, 1, "promoted"), verdict(1, 1, 2, "promoted"), back, back))
    assert [number for number, _ in history.counted] == [1, 2, 3] and [number for number, _ in history.lost] == [4]


def test_what_stood_before_the_log_is_adopted_once_and_only_at_its_beginning() -> None:
    adopted = entry("adopt", 0, None, 3, former=(1, 4), taken_down={4: "rejects good parts"})
    history = replay(numbered(adopted, adopted.model_copy(update={"id": "another reader's"})))
    assert (history.champion, history.way_back(), history.taken_down) == (3, 1, {4: "rejects good parts"})
    assert [number for number, _ in history.lost] == [2]
    begun = replay(numbered(verdict(0, None, 1, "rejected"), adopted))
    assert begun.champion is None and [number for number, _ in begun.lost] == [2]


def test_the_way_back_follows_the_reigns_and_leaves_out_what_was_taken_down_or_is_gone() -> None:
    history = replay(
        numbered(
            *(entry("promote", after, old, new) for after, old, new in ((0, None, 2), (1, 2, 1), (2, 1, 3), (3, 3, 1)))
        )
    )
    assert history.way_back() == 3
    history.take(5, entry("rollback", 4, 1, 3, reason="bad"))
    assert (history.champion, history.way_back()) == (3, 2), "1 reigned last before 3, and was taken down"
    assert history.way_back(present={1, 3}) is None
    history.take(6, entry("promote", 5, 3, 1))
    assert history.taken_down == {} and history.way_back() == 3, "a person has brought it back"
    assert history.ways_back() == [3, 2] and history.ways_back(present={1, 2}) == [2], "each once, the last first"


def test_what_a_champion_was_tested_on_first_is_known_from_the_first_verdict_that_tells_it() -> None:
    before = verdict(0, None, 1, "promoted")
    first = verdict(1, 1, 1, "promoted", images={"good": 9, "crack": 3})
    history = replay(numbered(before, first, verdict(1, 1, 1, "promoted", images={"good": 4})))
    assert history.images_at_first(1) == {"good": 9, "crack": 3} and history.images_at_first(2) is None


def test_a_verdict_is_found_by_package_evaluation_set_and_rules_together() -> None:
    first = verdict(0, None, 1, "promoted", metrics={"image_AUROC": 0.99})
    anew = verdict(1, 1, 1, "promoted", subject=subject(evaluation_set="f"), metrics={"image_AUROC": 0.3})
    history = replay(numbered(first, anew))
    assert history.verdict(subject()) == first and history.verdict(subject(evaluation_set="f")) == anew
    assert history.verdict(subject(package="q")) is None
    assert history.verdict(subject().model_copy(update={"rules": "s"})) is None
    assert history.verdict_on(1) == anew and history.verdict_on(1, "e") == first and history.verdict_on(2) is None
    assert history.reign == 1, "a champion that is judged anew reigns on"


def test_a_verdict_stands_until_a_person_takes_the_version_down_or_brings_it_back() -> None:
    history = replay(numbered(entry("promote", 0, None, 1), verdict(1, 1, 2, "promoted")))
    assert history.verdict(subject()) is not None
    history.take(3, entry("rollback", 2, 2, 1, reason="bad"))
    assert history.verdict(subject()) is None
    history.take(4, taken_down := verdict(3, 1, 2, "kept"))
    assert history.verdict(subject()) == taken_down
    history.take(5, entry("promote", 3, 1, 2))
    assert history.verdict(subject()) is None, "it speaks of a rollback that is over"
    history.take(6, anew := verdict(5, 2, 2, "promoted", id="anew"))
    assert history.verdict(subject()) == anew


def test_the_rules_are_others_where_a_setting_is_that_decides() -> None:
    settings = Settings()
    other = settings.model_copy(update={"gate": settings.gate.model_copy(update={"margin": 0.01})})
    faster = settings.model_copy(update={"flow": settings.flow.model_copy(update={"retries": 3})})
    assert rules_digest(settings) == rules_digest(faster) != rules_digest(other)
    patient = settings.model_copy(update={"gate": settings.gate.model_copy(update={"approval_hours": 1.0})})
    assert rules_digest(patient) == rules_digest(settings), "how long a question waits changes no answer"
    drawn = settings.synthesis.model_copy(update={"validation_count": 10})
    assert rules_digest(settings.model_copy(update={"synthesis": drawn})) != rules_digest(settings)


def test_an_entry_survives_its_text_and_one_of_another_format_is_refused() -> None:
    adopted = entry("adopt", 0, None, 3, former=(1, 4), taken_down={4: "rejects good parts"})
    text = adopted.model_dump_json(by_alias=True)
    assert '"from":null,"to":3' in text and Entry.model_validate_json(text) == adopted
    with pytest.raises(ValidationError):
        Entry.model_validate_json(text.replace('"format":1', '"format":2'))


def answer(action: str, after: int, old: int | None, version: int, **more: Any) -> Entry:
    decision = Decision(verdict="promoted" if action == "approve" else "kept", reasons=("a person said so",))
    new = version if action == "approve" else old
    about = {"version": version, "decision": decision, "subject": subject()}
    return entry(action, after, old, new, **{**about, **more})


FIRST, WAITS = verdict(0, None, 1, "promoted", subject=subject("first")), verdict(1, 1, 2, "waiting")


def test_one_that_waits_leaves_the_champion_until_it_is_approved() -> None:
    history = replay(numbered(FIRST, WAITS))
    assert (history.champion, history.waiting) == (1, Numbered(2, WAITS))
    assert history.verdict(subject()) == WAITS
    history.take(3, answer("approve", 1, 1, 2))
    assert (history.champion, history.reign, history.way_back(), history.waiting) == (2, 3, 1, None)
    said = history.verdict(subject())
    assert said is not None and said.decision is not None and said.decision.verdict == "promoted"


@pytest.mark.parametrize("action", ["decline", "expire"])
def test_one_that_is_declined_or_forgotten_is_kept_out_and_no_reign_begins(action: str) -> None:
    history = replay(
        numbered(FIRST, WAITS, answer(action, 1, 1, 2), verdict(1, 1, 3, "promoted", subject=subject("third")))
    )
    assert (history.champion, history.waiting, history.lost) == (3, None, [])
    said = history.verdict(subject())
    assert said is not None and said.decision is not None and said.decision.verdict == "kept"


def test_only_what_waits_can_be_answered_and_once() -> None:
    for too_late in (answer("approve", 1, 1, 2), answer("decline", 1, 1, 2), answer("expire", 1, 1, 2)):
        history = replay(numbered(FIRST, WAITS, answer("decline", 1, 1, 2, id="first"), too_late))
        assert (history.champion, [number for number, _ in history.lost]) == (1, [4])
    for about in ({"version": 3}, {"subject": subject("other images")}):
        other = replay(numbered(FIRST, WAITS, answer("approve", 1, 1, **{"version": 2, **about})))
        assert (other.champion, other.waiting) == (1, Numbered(2, WAITS))


def test_another_champion_makes_the_wait_void_and_it_is_judged_anew() -> None:
    history = replay(numbered(FIRST, WAITS, verdict(1, 1, 3, "promoted", subject=subject("third"))))
    assert (history.champion, history.waiting, history.verdict(subject())) == (3, None, None)
    history.take(4, answer("approve", 1, 1, 2))
    assert history.champion == 3 and len(history.lost) == 1


def test_of_two_that_wait_the_newer_is_asked_about() -> None:
    newer = verdict(1, 1, 3, "waiting", subject=subject("third"))
    history = replay(numbered(FIRST, WAITS, newer))
    assert history.waiting == Numbered(3, newer)
    assert history.verdict(subject()) is None and history.verdict(subject("third")) == newer


def test_the_challenger_is_who_waits_else_the_newest_after_the_champion_without_a_verdict() -> None:
    history = replay(numbered(FIRST, verdict(1, 1, 3, "kept", subject=subject("third"))))
    assert history.challenger({1, 2, 3}) == 2, "3 is judged"
    assert history.challenger({1, 2, 3, 5}) == 5 and history.challenger({1, 3}) is None
    history.take(3, WAITS)
    assert history.challenger({1, 2, 3, 5}) == 2 and history.challenger({1, 3, 5}) == 5, "one that is gone waits not"
    history.take(4, entry("promote", 1, 1, 5))
    assert history.challenger({1, 2, 3, 4, 5}) is None, "5 passed 4 by"
    history.take(5, entry("rollback", 4, 5, 1, reason="bad"))
    assert history.challenger({1, 2, 3, 5}) is None, "5 was taken down, which is a word too"


def test_what_was_said_of_a_version_is_the_last_word_and_no_wait_that_is_void() -> None:
    history = replay(numbered(FIRST, WAITS))
    assert (history.status(1), history.status(2), history.status(3)) == ("promoted", "waiting", None)
    assert not history.is_void(WAITS)
    void = replay(numbered(FIRST, WAITS, verdict(1, 1, 3, "promoted", subject=subject("third"))))
    assert (void.status(2), void.is_void(WAITS)) == (None, True)
    history.take(3, answer("decline", 1, 1, 2))
    assert (history.status(2), history.is_void(WAITS)) == ("kept", True)
