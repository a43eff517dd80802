from __future__ import annotations

from services.scoring.pace import Pace


def test_what_was_scored_before_does_not_count_for_the_pace() -> None:
    now = [100.0]
    pace = Pace(10_000, 6_000, clock=lambda: now[0])
    assert pace.line() == "6,000 of 10,000 images scored"
    now[0], pace.done = 110.0, 6_400
    assert pace.line() == "6,400 of 10,000 images scored, 40.0 a second, about 0:01:30 left"
