"""What a retrain, a reevaluation, a move, a watch and a batch tell at their end."""

from __future__ import annotations

from typing import Any

from flows.notice import answer_notice, move_notice, reevaluation_notice, retrain_notice, score_notice, watch_notice


def entry(status: str, verdict: str | None, *aliases: str, anew: bool = True, error: str | None = None) -> Any:
    decision = None if verdict is None else {"verdict": verdict, "reasons": [f"so {verdict}", "more"], "anew": anew}
    model = None if verdict is None else {"name": "n", "version": 3, "aliases": list(aliases)}
    return {"status": status, "method": "tocoad", "error": error, "decision": decision, "model": model}


def result(**categories: Any) -> dict[str, Any]:
    return {"dataset": "parts", "error": None, "warnings": [], "report": None, "categories": categories}


def test_a_retrain_tells_what_changed_failed_and_waits_and_nothing_of_the_rest() -> None:
    told = retrain_notice(
        result(
            bottle=entry("trained", "promoted", "champion"),
            cable=entry("up-to-date", "promoted", "champion", anew=False),
            screw=entry("trained", "kept"),
            tile=entry("failed", None, error="stage1: no image is left"),
            wood=entry("trained", "waiting", "challenger"),
        )
        | {"error": "tile: stage1: no image is left", "report": "http://m/report", "warnings": ["w"]}
    )
    assert [(one.category, one.what, one.version, one.why) for one in told.changed] == [
        ("bottle", "promoted", 3, "so promoted"),
        ("screw", "kept", 3, "so kept"),
    ]
    assert [(one.category, one.why) for one in told.failed] == [("tile", "stage1: no image is left")]
    assert [(one.category, one.version) for one in told.waiting] == [("wood", 3)]
    assert told.waiting[0].answer == "tocoad approve parts wood [--reject] --reason TEXT"
    assert (told.error, told.links, told.warnings) == (
        "tile: stage1: no image is left",
        {"report": "http://m/report"},
        ("w",),
    )
    assert told.text.startswith("retrain parts: 5 categories: 1 failed,") and told.alarms == ()


def test_what_waits_is_told_with_the_page_to_answer_on() -> None:
    page = "http://p/runs/flow-run/1"
    asked = entry("trained", "waiting") | {"question": {"until": "2026-03-04T05:06:07+00:00", "page": page}}
    unasked = entry("trained", "waiting") | {"question": {"until": "2026-03-04T05:06:07+00:00", "page": None}}
    assert retrain_notice(result(wood=asked, tile=unasked)).links == {"answer wood": page}


def test_an_answer_is_told_with_who_gave_it_and_why() -> None:
    given = {"action": "decline", "name": "parts.wood", "version": 3, "by": "anna", "reason": "misses dents"}
    told = answer_notice(given | {"from": 2, "to": 2, "warnings": ["w"]})
    assert told.text == "decline parts.wood: version 3, by anna: misses dents"
    assert [(one.category, one.what, one.version, one.why) for one in told.changed] == [
        ("wood", "decline", 3, "misses dents")
    ]
    assert (told.flow, told.warnings, told.is_wanted("changed")) == ("approve", ("w",), True)


def test_what_still_waits_is_told_again() -> None:
    told = retrain_notice(result(wood=entry("up-to-date", "waiting", "challenger", anew=False)))
    assert [one.category for one in told.waiting] == ["wood"] and told.changed == ()
    assert told.is_wanted("attention")


def test_a_champion_below_a_floor_is_an_alarm() -> None:
    told = retrain_notice(result(wood=entry("up-to-date", "rejected", "champion")))
    assert [(one.category, one.why) for one in told.alarms] == [("wood", "so rejected")]
    rejected = retrain_notice(result(wood=entry("trained", "rejected")))
    assert rejected.alarms == () and not rejected.is_wanted("attention") and rejected.is_wanted("changed")


def test_a_night_in_which_nothing_happened_is_told_to_who_hears_of_all() -> None:
    told = retrain_notice(result(cable=entry("up-to-date", "promoted", "champion", anew=False)))
    assert not told.is_wanted("changed") and told.is_wanted("always")


def test_a_move_tells_from_where_to_where_and_why() -> None:
    move = {"action": "rollback", "name": "parts.wood", "from": 3, "to": 2, "reason": "rejects good", "warnings": []}
    told = move_notice(move)
    assert told.text == "rollback parts.wood: version 2 is champion, before it version 3"
    assert [(one.category, one.what, one.version, one.why) for one in told.changed] == [
        ("wood", "rollback", 2, "rejects good")
    ]
    assert move_notice(move | {"from": None}).text.endswith("before it none")
    assert move_notice(move | {"to": 3}).changed == ()


def test_a_watch_tells_each_alarm_once_and_nothing_of_what_is_as_before() -> None:
    def seen(outcome: str) -> dict[str, Any]:
        return {"outcome": outcome, "sentence": f"so {outcome}", "version": 3}

    categories = {
        "bottle": seen("alarm"),
        "cable": seen("alarm told"),
        "tile": seen("failed"),
        "wood": seen("as before"),
    }
    told = watch_notice({**result(**categories), "error": "tile: so failed"})
    assert told.text == "watch parts: 4 categories: 1 failed, 1 alarm, 1 alarm told, 1 as before"
    assert [(one.category, one.what, one.version, one.why) for one in told.alarms] == [
        ("bottle", "alarm", 3, "so alarm")
    ]
    assert [one.category for one in told.failed] == ["tile"]
    assert not told.changed and told.error == "tile: so failed"
    quiet = watch_notice(result(wood=seen("as before"), cable=seen("alarm told")))
    assert not quiet.is_wanted("changed") and quiet.is_wanted("always")


def test_a_reevaluation_tells_of_champions_below_a_floor_and_of_those_that_made_way() -> None:
    told = reevaluation_notice(
        result(
            bottle=entry("judged", "promoted", "champion") | {"moved": ["the gate: rollback to version 3"]},
            cable=entry("up-to-date", "promoted", "champion", anew=False) | {"moved": []},
            screw=entry("up-to-date", "rejected", "champion", anew=False) | {"moved": []},
            tile=entry("failed", None, error="its package is not the one that was registered") | {"moved": []},
            wood=None,
        )
    )
    assert told.text == "reevaluate parts: 4 champions: 1 failed, 1 below a floor"
    assert [(one.category, one.what, one.why) for one in told.changed] == [
        ("bottle", "moved", "the gate: rollback to version 3"),
        ("bottle", "promoted", "so promoted"),
    ]
    assert [(one.category, one.what) for one in told.alarms] == [("screw", "the champion is below a floor")]
    assert [(one.category, one.why) for one in told.failed] == [
        ("tile", "its package is not the one that was registered")
    ]


def test_a_batch_tells_its_counts_and_needs_a_person_where_an_image_has_no_score() -> None:
    done = {"source": "s3://line/gear", "out": "/w/gear.csv", "images": 1200, "rejected": 34, "warnings": ["w"]}
    told = score_notice(done | {"errors": 0, "first_errors": []}, "parts", "gear")
    assert told.text == "score s3://line/gear: 1,200 images, 34 above the threshold"
    assert [(one.category, one.what, one.why) for one in told.changed] == [
        ("gear", "scored", "1,200 images, 34 above the threshold; /w/gear.csv")
    ]
    assert (told.dataset, told.error, told.warnings) == ("parts", None, ("w",))
    assert told.is_wanted("changed") and not told.is_wanted("attention")
    damaged = [{"image_path": "line/7.png", "error": "no image"}]
    told = score_notice(done | {"errors": 2, "first_errors": damaged}, "parts", "gear")
    assert told.text.endswith(", 2 without a score") and told.error == "line/7.png: no image"
    assert told.is_wanted("attention")
