"""Promotion and rollback by hand, against a real registry: which version is champion, and what is written where."""

from __future__ import annotations

import getpass
import platform
import re

import pytest

from services.mlflow import ledger
from services.mlflow.calls import AwayError, connect
from services.mlflow.decision_log import DecisionLog
from services.mlflow.entering import PromotionError
from services.mlflow.glance import Glance
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from services.mlflow.registry import Registry
from tests.helpers.line import MakeLine
from tocoad.errors import SettingsError

pytestmark = pytest.mark.integration


def test_a_person_promotes_what_the_gate_kept(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.registry.set_tags(line.registry.version(line.name, 2), {"package_sha256": "abc"})
    line.gate_keeps(2, "worse", "by far")
    line.promote(2, "catches  the cracks\nof line 3")
    assert line.aliases == {"champion": 2, "previous": 1}
    (entry,) = line.ledger
    assert entry.pop("time").startswith("20") and len(entry.pop("id")) == 32
    assert entry == {
        "entry": 3,
        "host": platform.node(),
        "action": "promote",
        "model": line.name,
        "from": 1,
        "to": 2,
        "reason": "catches the cracks of line 3",
        "by": getpass.getuser(),
        "package": "abc",
        "metrics": {"image_AUROC": 0.9},
        "gate": {"verdict": "kept", "reasons": ["worse", "by far"]},
    }
    said = line.log.read().verdict_on(2)
    assert said is not None and said.decision is not None and said.decision.verdict == "kept", "its word stays its own"
    line.promote()
    assert line.aliases == {"champion": 3, "previous": 2}, "without a number it is the newest"
    assert (line.ledger[-1]["gate"], line.ledger[-1]["reason"]) == (None, None)
    assert [entry["version"] for entry in ledger.verdicts(line.workspace, line.dataset)] == [1, 2]


def test_the_first_champion_can_be_made_by_hand(make_line: MakeLine) -> None:
    line = make_line(1)
    line.promote()
    assert line.aliases == {"champion": 1}
    assert (line.ledger[0]["from"], line.ledger[0]["to"]) == (None, 1)
    assert not plan_promotion(line.registry, line.dataset, "gear", 1).is_needed


def test_why_the_present_champion_is_to_stay_is_kept(make_line: MakeLine) -> None:
    line = make_line(2)
    line.gate_promotes(1)
    line.gate_asks(2)
    assert line.promote(1, "version 2 is blind to dents") == []
    assert line.aliases["champion"] == 1 and "previous" not in line.aliases
    (entry,) = line.ledger
    assert (entry["action"], entry["from"], entry["to"]) == ("promote", 1, 1)
    assert entry["reason"] == "version 2 is blind to dents"
    history = line.log.read()
    assert history.waiting is None and history.way_back() is None, "a person has said which is to be champion"


def test_a_reason_that_the_log_cannot_keep_whole_is_refused(make_line: MakeLine) -> None:
    line = make_line(1)
    with pytest.raises(SettingsError, match=r"^--reason has 1001 characters, and 1000 are the most"):
        line.promote(1, "x" * 1001)
    assert line.promote(1, "\u0416" * 1000) == [] and line.ledger[0]["reason"] == "\u0416" * 1000


def test_rolling_back_again_goes_further_back_and_never_to_what_was_taken_down(make_line: MakeLine) -> None:
    line = make_line(4)
    for number in (1, 2, 4):
        line.gate_promotes(number)
    line.rollback("rejects  good\nparts")
    assert line.aliases == {"champion": 2, "previous": 1}
    assert line.tags(4)["rolled_back"] == "rejects good parts"
    line.rollback("misses scratches")
    assert line.aliases == {"champion": 1}
    assert [(entry["from"], entry["to"], entry["reason"]) for entry in line.ledger] == [
        (4, 2, "rejects good parts"),
        (2, 1, "misses scratches"),
    ]
    with pytest.raises(PromotionError, match="no version to go back to from 1"):
        line.rollback()
    assert line.aliases == {"champion": 1} and len(line.ledger) == 2 and "rolled_back" not in line.tags(1)


def test_the_order_is_that_of_the_reigns_not_of_the_numbers(make_line: MakeLine) -> None:
    line = make_line(3)
    for number in (2, 1, 3, 1):
        line.gate_promotes(number)
    line.rollback()
    assert line.aliases == {"champion": 3, "previous": 2}, "1 reigned last before 3, and is what was taken down"
    line.rollback()
    assert line.aliases == {"champion": 2}


def test_after_a_rollback_the_next_champion_has_a_good_way_back(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.gate_promotes(2)
    line.rollback()
    line.gate_promotes(3)
    assert line.aliases == {"champion": 3, "previous": 1}
    line.promote(2)
    assert line.aliases == {"champion": 2, "previous": 3}
    assert "rolled_back" not in line.tags(2), "a person has brought it back"
    line.rollback()
    assert line.aliases == {"champion": 3, "previous": 1}


def test_a_champion_of_the_meantime_is_not_taken_down_and_who_made_it_is_told(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.gate_promotes(2)
    planned = plan_rollback(line.registry, line.dataset, "gear", "bad")
    line.gate_promotes(3)
    who = rf"{getpass.getuser()} on {re.escape(platform.node())}: the gate on version 3: promoted"
    with pytest.raises(PromotionError, match=rf"gear was moved in the meantime by {who}.*: look at it, and run again"):
        carry_out(line.workspace, line.registry, planned)
    assert line.aliases == {"champion": 3, "previous": 2}
    assert line.ledger == [] and "rolled_back" not in line.tags(3)


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_the_way_back_that_is_told_is_the_one_that_a_rollback_takes(make_line: MakeLine) -> None:
    line = make_line(3)
    for number in (1, 2, 3):
        line.gate_promotes(number)
    line.client.delete_model_version(line.name, "2")
    glance = Glance(line.registry, line.dataset)
    log = DecisionLog(glance, line.name)
    assert (log.way_back(log.settled()), line.aliases["previous"]) == (1, 1)
    line.rollback()
    assert line.aliases == {"champion": 1}


def test_what_is_not_there_is_told_with_what_there_is(make_line: MakeLine) -> None:
    line = make_line(3)
    empty = f"{line.dataset}.plate"
    line.client.create_registered_model(empty)

    def plan(dataset: str, name: str, number: int | None = None) -> None:
        plan_promotion(line.registry, dataset, name, number)

    with pytest.raises(SettingsError, match=f"'nowhere' is registered; registered data sets: .*{line.dataset}"):
        plan("nowhere", "gear")
    with pytest.raises(SettingsError, match=r"has no registered category 'geer'; it has gear, plate$"):
        plan(line.dataset, "geer")
    with pytest.raises(SettingsError, match=rf"{empty} has no version yet: run tocoad retrain"):
        plan(line.dataset, "plate")
    with pytest.raises(SettingsError, match=r"has no version 9; it has 1, 2, 3$"):
        plan(line.dataset, "gear", 9)
    with pytest.raises(PromotionError, match=r"gear has no champion to roll back$"):
        line.rollback()
    with pytest.raises(SettingsError, match="a rollback needs its reason"):
        line.rollback(" \n")


def test_a_registry_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(AwayError, match=r"^MLflow at http://127\.0\.0\.1:9 is away: "):
        plan_rollback(Registry(connect("http://127.0.0.1:9")), "set", "gear", "bad")
