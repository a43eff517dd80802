"""`make chaos` does the same for the same seed."""

from __future__ import annotations

from itertools import pairwise

from tests.chaos.plan import KINDS, STATES, rounds
from tests.chaos.result import TOO_LATE, Result, page


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
