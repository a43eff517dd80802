"""The memory of looks: one alarm for one change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tocoad.watch.look import Look, Moved
from tocoad.watch.watched import Alarm, Watched, judged, remembered

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DARKER = Look(32, 0.0001, (Moved("brightness", 0.0001, 0.1),))


def test_an_alarm_is_told_once_and_again_when_the_cool_down_is_over() -> None:
    outcome, alarm = judged(DARKER, 3, NOW, None, 24)
    assert (outcome, alarm) == ("alarm", Alarm(time=NOW, version=3, sentence=DARKER.sentence))
    assert judged(DARKER, 3, NOW + timedelta(hours=23), alarm, 24) == ("alarm told", alarm)
    again, newer = judged(DARKER, 3, NOW + timedelta(hours=24), alarm, 24)
    assert again == "alarm" and newer is not None and newer.time == NOW + timedelta(hours=24)


def test_what_was_as_before_in_between_does_not_end_the_cool_down() -> None:
    _, alarm = judged(DARKER, 3, NOW, None, 24)
    assert judged(Look(32, 0.4), 3, NOW + timedelta(hours=1), alarm, 24) == ("as before", alarm)


def test_another_champion_has_a_reference_of_its_own_and_so_an_alarm_of_its_own() -> None:
    _, alarm = judged(DARKER, 3, NOW, None, 24)
    assert judged(DARKER, 4, NOW + timedelta(hours=1), alarm, 24)[0] == "alarm"


def test_no_cool_down_tells_every_time() -> None:
    _, alarm = judged(DARKER, 3, NOW, None, 0)
    assert judged(DARKER, 3, NOW, alarm, 0)[0] == "alarm"


def test_an_alarm_stands_until_a_look_finds_it_over_or_there_is_another_champion() -> None:
    outcome, alarm = judged(DARKER, 3, NOW, None, 24)
    first = Watched(outcome=outcome, sentence=DARKER.sentence, time=NOW, version=3, alarm=alarm)
    assert first.standing(3) == alarm and first.standing(4) is None and first.standing(None) is None
    for look, stands in ((DARKER, True), (Look(3, None), True), (Look(32, 0.4), False)):
        outcome, known = judged(look, 3, NOW + timedelta(hours=1), alarm, 24)
        seen = first.model_copy(update={"outcome": outcome, "alarm": known})
        assert (seen.standing(3) is not None) == stands


def test_what_cannot_be_read_is_remembered_as_nothing(tmp_path: Path) -> None:
    assert remembered(tmp_path / "gear.json") is None
    (tmp_path / "gear.json").write_text("{}")
    assert remembered(tmp_path / "gear.json") is None


def test_it_is_remembered_as_it_was() -> None:
    _, alarm = judged(DARKER, 3, NOW, None, 24)
    watched = Watched(outcome="alarm", sentence="s", time=NOW, version=3, p=0.01, farthest=("a.png",), alarm=alarm)
    assert Watched.model_validate_json(watched.model_dump_json()) == watched
