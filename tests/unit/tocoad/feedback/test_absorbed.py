from __future__ import annotations

from typing import Any

from tocoad.feedback.absorbed import Absorbed, absorbed
from tocoad.feedback.record import Intake, Statement
from tocoad.feedback.verdicts import Verdict


def said(verdict: Verdict, who: str | None, name: str, added: bool = True) -> Statement:
    return Statement(
        given=name, sha256=name, pixels=name, verdict=verdict, who=who, path=name, added=(name,) if added else ()
    )


def intake(number: int, time: str, *statements: Statement, category: str = "gear") -> Intake:
    return Intake(
        number=number, category=category, time=f"2026-11-26T{time}:00.000+00:00", by="night", host="", file="v.csv",
        before=None, after=None, statements=statements,
    )  # fmt: skip


def verdict(version: int, champion: int | None, time: str, model: str = "parts.gear") -> dict[str, Any]:
    return {"model": model, "version": version, "champion": champion, "time": f"2026-11-26T{time}:00+00:00"}


FIRST = verdict(1, None, "06:00")
INTAKES = [
    intake(1, "05:00", said("false reject", "Ann", "a")),
    intake(2, "07:00", said("false reject", "Bob", "b"), said("missed defect", None, "c"), said("unclear", "Eve", "d")),
    intake(3, "07:10", said("missed defect", "Eve", "e"), category="plate"),
    intake(4, "07:20", said("missed defect", "Bob", "f", added=False)),
    intake(5, "09:00", said("false reject", "Eve", "g")),
]


def test_it_is_what_came_between_the_first_word_on_the_champion_and_the_verdict() -> None:
    second = verdict(2, 1, "08:00")
    again = verdict(1, 1, "07:30")
    assert absorbed(second, [FIRST, again, second], INTAKES) == Absorbed(1, 1, 1, ("Bob", "night"))


def test_without_a_champion_it_is_all_that_came_before() -> None:
    assert absorbed(FIRST, [FIRST], INTAKES) == Absorbed(None, 1, 0, ("Ann",))


def test_a_champion_that_is_judged_anew_has_taken_in_what_came_since_its_first_word() -> None:
    again = verdict(1, 1, "08:00")
    assert absorbed(again, [FIRST, again], INTAKES) == Absorbed(1, 1, 1, ("Bob", "night"))


def test_another_models_verdicts_and_nothing_are_no_feedback() -> None:
    other = verdict(1, None, "04:00", model="parts.plate")
    assert absorbed(other, [FIRST, other], INTAKES) is None
    assert absorbed(verdict(3, 2, "08:30"), [verdict(2, 1, "08:00")], INTAKES) is None
