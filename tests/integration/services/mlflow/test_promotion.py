"""Promotion and rollback by hand, against a real registry: which version is champion, and what is written where."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from services.mlflow import ledger
from services.mlflow.calls import AwayError
from services.mlflow.promotion import PromotionError, carry_out, plan_promotion, plan_rollback
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

WRITES = (
    "set_model_version_tag",
    "delete_model_version_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
)


class Line:
    """Versions 1 to n of a category of the test's own, made without packages, and what a person does with them."""

    def __init__(self, tracking: Tracking, root: Path, dataset: str, versions: int) -> None:
        self.client = client = tracking.client
        self.registry = Registry(client)
        self.workspace = Workspace(root)
        self.dataset = dataset
        self.name = f"{dataset}.gear"
        client.create_registered_model(self.name)
        with tracking.run(tracking.experiment("promotion"), "gear") as run:
            source = client.get_run(run.run_id).info.artifact_uri
            for _ in range(versions):
                client.create_model_version(self.name, source, run.run_id)

    def promote(self, number: int | None = None) -> None:
        carry_out(self.workspace, self.registry, plan_promotion(self.registry, self.dataset, "gear", number))

    def rollback(self, reason: str = "bad") -> None:
        carry_out(self.workspace, self.registry, plan_rollback(self.registry, self.dataset, "gear", reason))

    def gate_promotes(self, number: int) -> None:
        self.registry.set_champion(self.name, number)

    @property
    def aliases(self) -> dict[str, int]:
        return {alias: int(number) for alias, number in self.client.get_registered_model(self.name).aliases.items()}

    def tags(self, number: int) -> dict[str, str]:
        return dict(self.registry.version(self.name, number).tags)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return ledger.entries(self.workspace, self.dataset)


MakeLine = Callable[[int], Line]


@pytest.fixture
def make_line(tracking: Tracking, tmp_path: Path) -> MakeLine:
    def make(versions: int) -> Line:
        return Line(tracking, tmp_path, tmp_path.name, versions)

    return make


def test_a_person_promotes_what_the_gate_kept(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.registry.set_tags(line.registry.version(line.name, 2), {"verdict": "kept", "reasons": "worse\nby far"})
    line.promote(2)
    assert line.aliases == {"champion": 2, "previous": 1}
    (entry,) = line.ledger
    assert entry.pop("time").startswith("20")
    assert entry == {
        "action": "promote",
        "model": line.name,
        "from": 1,
        "to": 2,
        "reason": None,
        "by": getpass.getuser(),
        "gate": {"verdict": "kept", "reasons": ["worse", "by far"]},
    }
    assert line.tags(2)["verdict"] == "kept", "the gate's word stays its own"
    line.promote()
    assert line.aliases == {"champion": 3, "previous": 2}, "without a number it is the newest"
    assert line.ledger[-1]["gate"] is None
    assert ledger.verdicts(line.workspace, line.dataset) == []


def test_the_first_champion_can_be_made_by_hand(make_line: MakeLine) -> None:
    line = make_line(1)
    line.promote()
    assert line.aliases == {"champion": 1}
    assert (line.ledger[0]["from"], line.ledger[0]["to"]) == (None, 1)
    assert not plan_promotion(line.registry, line.dataset, "gear", 1).is_needed


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


@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_whatever_write_fails_a_champion_is_in_force_and_the_same_again_completes(
    make_line: MakeLine, monkeypatch: pytest.MonkeyPatch, action: str, writes: int
) -> None:
    """After so many writes the registry is gone: the tag of the rollback, of the reign, `previous` and `champion`."""
    line = make_line(3)
    for number in (1, 2, 3):
        line.gate_promotes(number)
    if action == "promote":
        line.rollback()
    old, new = (2, {"champion": 3, "previous": 2}) if action == "promote" else (3, {"champion": 2, "previous": 1})

    def act() -> None:
        line.promote(3) if action == "promote" else line.rollback()

    left = iter(range(writes))

    def only_so_many(write: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            if next(left, None) is None:
                raise OSError("the registry is gone")
            write(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(line.client, name, only_so_many(getattr(line.client, name)))
        with pytest.raises(OSError, match="the registry is gone"):
            act()
    assert line.aliases["champion"] == old
    act()
    assert line.aliases == new
    assert ("rolled_back" in line.tags(3)) == (action == "rollback")


def test_a_rollback_that_broke_off_is_no_way_back_for_the_next_champion(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.gate_promotes(2)
    line.registry.set_tags(line.registry.version(line.name, 2), {"rolled_back": "bad"})
    line.gate_promotes(3)
    assert line.aliases == {"champion": 3, "previous": 1}


def test_a_champion_of_the_meantime_is_not_taken_down(make_line: MakeLine) -> None:
    line = make_line(3)
    line.gate_promotes(1)
    line.gate_promotes(2)
    planned = plan_rollback(line.registry, line.dataset, "gear", "bad")
    line.gate_promotes(3)
    with pytest.raises(PromotionError, match="another champion than a moment ago"):
        carry_out(line.workspace, line.registry, planned)
    assert line.aliases == {"champion": 3, "previous": 2}
    assert line.ledger == [] and "rolled_back" not in line.tags(3)


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
        plan_rollback(Registry(MlflowClient("http://127.0.0.1:9")), "set", "gear", "bad")
