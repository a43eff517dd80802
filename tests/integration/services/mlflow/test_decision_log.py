"""The log of decisions in a real registry: what counts though a write failed, and what is told of a broken one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.mlflow.calls import TrackingError
from services.mlflow.decision_log import DecisionLogError, champion_in_force
from services.mlflow.history import decisions
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from services.mlflow.standing import models_in_force
from tests.helpers.line import MakeLine
from tocoad.errors import SettingsError

pytestmark = pytest.mark.integration

WRITES = (
    "create_model_version",
    "set_model_version_tag",
    "delete_model_version_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
)


def test_the_time_of_an_entry_tells_it_from_feedback_of_the_same_second(make_line: MakeLine) -> None:
    log = make_line(1).log
    before = datetime.now(UTC)
    times = [datetime.fromisoformat(log.entry("promote", log.settled(), 1).time) for _ in range(3)]
    after = datetime.now(UTC)
    assert all(before - timedelta(milliseconds=1) <= time <= after for time in times)


def after(writes: int) -> Callable[..., Any]:
    """Of a registry that is gone after so many writes."""
    left = iter(range(writes))

    def only_so_many(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object, **more: object) -> Any:
            if next(left, None) is None:
                raise TrackingError("the registry is gone")
            return write(*arguments, **more)

        return call

    return only_so_many


@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_whatever_write_fails_a_move_counts_or_not_and_the_next_reader_moves_the_alias(
    make_line: MakeLine, monkeypatch: pytest.MonkeyPatch, action: str, writes: int
) -> None:
    """The writes: the entry, the tag of what was taken down, `previous` and `champion`."""
    line = make_line(3)
    for number in (1, 2, 3):
        line.gate_promotes(number)
    if action == "promote":
        line.rollback()
    old, new = (2, {"champion": 3, "previous": 2}) if action == "promote" else (3, {"champion": 2, "previous": 1})
    move = plan_promotion(line.registry, line.dataset, "gear", 3)
    if action == "rollback":
        move = plan_rollback(line.registry, line.dataset, "gear", "bad")
    only_so_many = after(writes)
    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(line.client, name, only_so_many(getattr(line.client, name)))
        if writes == 0:
            with pytest.raises(
                TrackingError, match=rf"the registry is gone; whether the {action} was entered is not known"
            ):
                carry_out(line.workspace, line.registry, move)
        else:
            (warning,) = carry_out(line.workspace, line.registry, move)
            assert f"the {action} counts, but its alias is not yet moved" in warning
    assert line.aliases["champion"] == old
    if writes == 0:
        assert line.log.settled().champion == old
        assert carry_out(line.workspace, line.registry, move) == []
    assert line.log.settled().champion == new["champion"]
    assert line.aliases == new
    assert ("rolled_back" in line.tags(3)) == (action == "rollback")
    again = [entry.action for _, entry in line.log.read().counted if entry.id == move.entry.id]
    assert again == [action] and [entry["action"] for entry in line.ledger][-1] == action


def test_an_answer_that_was_lost_enters_the_move_once(make_line: MakeLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry arrived, only its answer did not, and MLflow's client sends it again."""
    line = make_line(3)
    for number in (1, 2, 3):
        line.gate_promotes(number)
    create = line.client.create_model_version

    def twice(*arguments: Any, **more: Any) -> Any:
        create(*arguments, **more)
        return create(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(line.client, "create_model_version", twice)
        line.rollback()
    assert line.aliases == {"champion": 2, "previous": 1}
    listed = [(entry["action"], entry["from"], entry["to"], entry["counts"]) for entry in decisions(line.log)]
    assert listed[2:] == [("judge", 2, 3, True), ("rollback", 3, 2, True), ("rollback", 3, 2, False)]
    assert decisions(line.log)[3]["reasons"] == ["bad"] and len(line.ledger) == 1


def test_an_alias_that_was_moved_past_the_log_is_put_right(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.gate_promotes(2)
    line.client.set_registered_model_alias(line.name, "champion", "3")
    line.client.delete_registered_model_alias(line.name, "previous")
    assert champion_in_force(line.registry, f"models:/{line.name}@champion").version == 2
    assert line.log.settled().champion == 2 and line.aliases == {"champion": 2, "previous": 1}


def test_a_registry_of_before_is_taken_over_as_it_stands(make_line: MakeLine) -> None:
    """Champions by alias, reigns and what was taken down by tags."""
    line = make_line(5)
    for number, until in ((4, "2026-03"), (1, "2026-01"), (3, "2026-02")):
        line.client.set_model_version_tag(line.name, str(number), "champion_until", until)
    line.client.set_model_version_tag(line.name, "4", "rolled_back", "rejects good parts")
    for alias, number in (("champion", 5), ("previous", 3)):
        line.client.set_registered_model_alias(line.name, alias, str(number))
    assert champion_in_force(line.registry, f"models:/{line.name}@champion").version == 5
    assert line.log.read().counted == [], "who only predicts writes nothing"
    history = line.log.settled()
    assert (history.champion, history.way_back(), history.taken_down) == (5, 3, {4: "rejects good parts"})
    assert line.aliases == {"champion": 5, "previous": 3} and line.tags(4)["rolled_back"] == "rejects good parts"
    line.rollback()
    line.rollback()
    assert line.aliases == {"champion": 1}
    assert [(entry["action"], entry["to"]) for entry in line.ledger] == [("adopt", 5), ("rollback", 3), ("rollback", 1)]


def test_the_log_is_no_category_and_says_what_it_is(make_line: MakeLine) -> None:
    line = make_line(2)
    line.promote(1)
    line.promote(2)
    model = line.client.get_registered_model(f"{line.name}.decisions")
    assert model.tags == {"tocoad.kind": "decisions"} and model.description.startswith("Not a model: the log")
    with pytest.raises(SettingsError, match=r"has no registered category 'decisions'; it has gear$"):
        plan_promotion(line.registry, line.dataset, "decisions", None)
    _, second = sorted(line.registry.found(f"{line.name}.decisions"), key=lambda version: int(version.version))
    assert second.description == "promote to version 2, in place of version 1"
    assert (second.tags["action"], second.tags["from"], second.tags["to"]) == ("promote", "1", "2")


def test_an_entry_that_was_deleted_or_altered_is_told_with_the_way_out(make_line: MakeLine) -> None:
    line = make_line(3)
    for number in (1, 2, 3):
        line.gate_promotes(number)
    entry = line.registry.version(f"{line.name}.decisions", 2).tags["entry"]
    line.client.set_model_version_tag(f"{line.name}.decisions", "2", "entry", entry.replace('"to": 2', '"to": 1'))
    with pytest.raises(DecisionLogError, match=r"entry 2 cannot be read \(cut or altered\): .*delete the model"):
        line.log.settled()
    line.client.delete_model_version(f"{line.name}.decisions", "2")
    with pytest.raises(DecisionLogError, match=r"entry 2 was deleted: delete the model .*decisions, and"):
        line.promote(1)
    line.client.delete_registered_model(f"{line.name}.decisions")
    assert line.log.settled().champion == 3 and line.aliases["champion"] == 3


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_status_tells_of_a_log_that_cannot_be_read_and_of_the_others(make_line: MakeLine) -> None:
    line = make_line(2)
    for number in (1, 2):
        line.gate_promotes(number)
    found = models_in_force(line.registry, line.name, None, "r")
    assert (found["champion"]["version"], found["previous"], found["error"]) == (2, 1, None)
    line.client.delete_model_version(f"{line.name}.decisions", "1")
    found = models_in_force(line.registry, line.name, None, "r")
    assert (found["champion"], found["previous"]) == (None, None) and "entry 1 was deleted" in found["error"]
    nothing = {"champion": None, "previous": None, "challenger": None, "error": None}
    assert models_in_force(line.registry, f"{line.dataset}.plate", None, "r") == nothing


def test_a_champion_that_was_deleted_is_told_and_another_can_be_promoted(make_line: MakeLine) -> None:
    line = make_line(3)
    for number in (1, 3):
        line.gate_promotes(number)
    line.client.delete_model_version(line.name, "3")
    with pytest.raises(DecisionLogError, match=r"gear version 3 is champion and is gone .*: tocoad promote "):
        line.log.champion(line.log.settled())
    line.promote(2)
    assert line.aliases == {"champion": 2, "previous": 1}, "3 is no way back"
