"""`make chaos` does the same for the same seed."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from tests.chaos.cluster.page import page as page_of_faults
from tests.chaos.cluster.plan import ONCE, once, soak
from tests.chaos.cluster.rows import Ended, Row, Rows
from tests.chaos.invariants import champion_by
from tests.chaos.plan import KINDS, STATES, rounds
from tests.chaos.result import TOO_LATE, Result, page
from tests.helpers.project import PROJECT


def test_it_starts_as_a_command_without_what_pytest_puts_on_its_path() -> None:
    asked = [sys.executable, "-m", "tests.chaos", "--help"]
    done = subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_same_seed_makes_the_same_choices_and_another_makes_others() -> None:
    assert list(rounds(3, 20)) == list(rounds(3, 20))
    assert list(rounds(3, 20)) != list(rounds(4, 20))


def test_more_rounds_go_on_where_fewer_ended() -> None:
    assert list(rounds(3, 40))[:7] == list(rounds(3, 7))


def test_every_kind_comes_and_every_round_has_something_to_train() -> None:
    chosen = list(rounds(5, 2 * len(KINDS)))
    assert sorted(at.kind for at in chosen) == sorted([*KINDS, *KINDS])
    assert chosen[0].state != STATES[0]
    assert all(one.state != other.state for one, other in pairwise(chosen))


def test_a_round_whose_harm_came_too_late_does_not_count_as_clean() -> None:
    struck, faulty, late = rounds(1, 3)
    results = [
        Result(struck, "SIGKILL", -9, 1.0, ()),
        Result(faulty, "SIGTERM", 143, 1.0, ("a traceback",)),
        Result(late, TOO_LATE, 0, 1.0, ()),
    ]
    told = " ".join(page(results, 1, "c0ffee").split())
    assert "of 3 rounds 2 did their harm in time, and 1 of these were clean" in told


def test_a_decision_that_did_not_know_of_the_reign_before_it_makes_no_champion() -> None:
    def decided(number: int, after: int, old: int | None, new: int | None, name: str = "") -> tuple[int, str]:
        entry = {"id": name or str(number), "action": "judge", "after": after, "from": old, "to": new}
        return number, json.dumps(entry)

    first, kept, late = decided(1, 0, None, 1), decided(2, 1, 1, 1), decided(4, 0, None, 2)
    assert champion_by([first, kept]) == 1
    assert champion_by([first, kept, decided(3, 1, 1, 3), late, decided(5, 1, 1, 4)]) == 3
    assert champion_by([first, decided(2, 1, 1, 2, "x"), decided(3, 2, 2, 1), decided(4, 3, 1, 2, "x")]) == 1


def test_a_soak_draws_the_same_for_the_same_seed_and_goes_on_where_a_shorter_one_ended() -> None:
    faults = {fault for fault, _ in ONCE} - {"nothing"}
    assert list(soak(3, 40))[:7] == list(soak(3, 7))
    assert list(soak(3, 40)) != list(soak(4, 40))
    assert {at.fault for at in soak(5, len(faults))} == faults


def test_a_round_that_is_kept_is_not_done_again_and_another_seed_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    first, second = soak(7, 2)
    Rows(file).keep(Row.of(first, Ended("told", 0, 1.5, 60.0, True, ()), True, 7, "c0ffee"))
    assert Rows(file).has(first, True, 7) and not Rows(file).has(second, True, 7) and not Rows(file).has(first, True, 8)
    Rows(file).keep(Row.of(second, Ended("told", 0, None, 60.0, False, ("a | fault",)), True, 8, "c0ffee"))
    (left,) = Rows(file).all
    assert left.seed == 8 and left.found == ("a | fault",)


def test_of_the_faults_only_those_that_struck_count() -> None:
    undisturbed, killed, late = list(once(1))[:3]
    rows = [
        Row.of(at, Ended(told, 0, None, 1.0, False, found), False, 1, "c0ffee")
        for at, told, found in ((undisturbed, "-", ()), (killed, "a", ("a traceback",)), (late, TOO_LATE, ()))
    ]
    assert "of 3 rounds 2 did their harm, and 1 of these were clean" in page_of_faults(rows)
