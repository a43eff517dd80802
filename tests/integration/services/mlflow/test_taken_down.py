"""What a person took down the gate does not bring back, and what falls below a floor it takes down itself."""

from __future__ import annotations

import pytest

from cli.history import history_table
from services.mlflow import ledger
from services.mlflow.history import dataset_history
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from tests.helpers.registering import Shop
from tocoad.gate.parity import Parity
from tocoad.gate.records import Evidence
from tocoad.settings.sections import Settings

pytestmark = pytest.mark.integration


def test_after_a_rollback_the_challenger_meets_the_champion_that_is_back(shop: Shop) -> None:
    shop.retrain(1)
    first = shop.package
    assert shop.retrain(2).aliases == ("champion",)
    carry_out(shop.workspace, shop.registry, plan_rollback(shop.registry, shop.category.dataset, "gear", "bad"))
    shop.met.clear()
    third = shop.retrain(3)
    assert shop.met == [first]
    assert (third.verdict, third.aliases) == ("promoted", ("champion",))
    assert ledger.entries(shop.workspace, shop.category.dataset)[-1]["champion"] == 1
    assert shop.registry.aliases(shop.category.model_name) == {"champion": 3, "previous": 1}


def test_the_gate_does_not_bring_back_what_a_person_took_down(shop: Shop) -> None:
    shop.retrain(1)
    shop.retrain(2)
    dataset = shop.category.dataset
    carry_out(shop.workspace, shop.registry, plan_rollback(shop.registry, dataset, "gear", "misses scratches"))
    again = shop.retrain(2)
    assert (again.version, again.verdict, again.aliases) == (2, "kept", ())
    assert again.reasons[0].startswith("version 2 was rolled back (misses scratches)")
    assert shop.log.settled().champion == 1
    carry_out(shop.workspace, shop.registry, plan_promotion(shop.registry, dataset, "gear", 2))
    assert shop.log.settled().champion == 2


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_retrain_that_trains_nothing_does_not_call_promoted_what_a_person_took_down(shop: Shop) -> None:
    shop.retrain(1)
    assert shop.retrain(2).verdict == "promoted"
    dataset = shop.category.dataset
    carry_out(shop.workspace, shop.registry, plan_rollback(shop.registry, dataset, "gear", "misses scratches"))
    assert shop.registered() is None
    told = shop.register()
    assert (told.version, told.verdict, told.aliases) == (2, "kept", ())
    assert told.reasons[0].startswith("version 2 was rolled back (misses scratches)")
    assert shop.registered() == told
    assert ledger.verdicts(shop.workspace, dataset)[-1]["verdict"] == "kept", "and the report says so"
    promotion = plan_promotion(shop.registry, dataset, "gear", 2)
    assert promotion.entry.word is not None and promotion.entry.word["verdict"] == "kept"
    carry_out(shop.workspace, shop.registry, promotion)
    assert shop.registered() is None, "that it was taken down is no reason any more"
    back = shop.register()
    assert (back.version, back.verdict, back.aliases) == (2, "promoted", ("champion",))
    assert back.reasons[0] == "it is champion, and was judged anew by the floors alone"
    assert shop.registered() == back and shop.log.read().way_back() == 1


def three_of_which_the_last_is_champion(shop: Shop) -> list[str]:
    """Their packages. What new test images say of the last is below the floor."""
    shop.settings = Settings.model_validate({"gate": {"below_floor": "rollback", "when_unsure": "promote"}})
    packages = []
    for seed in (1, 2, 3):
        assert shop.retrain(seed).aliases == ("champion",)
        packages.append(shop.package)
    shop.evaluation_set = "f"
    shop.evaluate(0.4)
    return packages


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_champion_that_falls_below_a_floor_makes_way_for_the_last_one_that_holds_them(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = three_of_which_the_last_is_champion(shop)
    shop.figures |= {first: 0.8, second: 0.3}
    told = shop.register()
    assert (told.version, told.verdict, told.aliases) == (3, "rejected", ())
    history = shop.log.read()
    (entry,) = (entry for _, entry in history.counted if entry.action == "rollback")
    reason = "image_AUROC 0.4000 is below the floor 0.6; version 1 holds the floors (gate.below_floor: rollback)"
    assert (entry.old, entry.new, entry.reason) == (3, 1, reason)
    assert (entry.decision.verdict, entry.metrics["image_AUROC"]) == ("rejected", 0.4), "one entry says why and what"
    (row,) = (row for row in dataset_history(shop.registry, shop.category.dataset)["decisions"] if row["from"] == 3)
    assert (row["package"], row["reasons"][0], row["verdict"]) == (first, reason, "rejected")
    monkeypatch.setenv("COLUMNS", "300")
    history_table({**dataset_history(shop.registry, shop.category.dataset), "category": "gear"})
    assert "rolled back to v1" in " ".join(capsys.readouterr().out.split())
    assert history.taken_down == {3: reason} and history.verdict_on(1, "f").decision.verdict == "promoted"
    assert shop.registry.aliases(shop.category.model_name)["champion"] == 1
    assert shop.registered() == told and not history.lost
    shop.figures[first] = 0.8
    assert shop.retrain(4, 0.9).aliases == ("champion",), "what comes next meets the version that is back"


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_champion_below_a_floor_stays_where_no_version_before_holds_them_and_that_is_said(shop: Shop) -> None:
    first, second, _ = three_of_which_the_last_is_champion(shop)
    shop.figures |= {first: 0.8, second: 0.3}
    altered = Evidence(parity=Parity(fault="its package is not the one that was registered"))
    shop.examine = lambda version, _: altered if version.version == 1 else Evidence()
    told = shop.register()
    assert (told.version, told.verdict, told.aliases) == (3, "rejected", ("champion",))
    assert told.reasons[0] == "image_AUROC 0.4000 is below the floor 0.6"
    assert told.reasons[-1] == (
        "it stays champion: no version before it is known to hold the floors (version 2: image_AUROC 0.3000 is below "
        "the floor 0.6; version 1: parity: its package is not the one that was registered)"
    )
    assert [entry.action for _, entry in shop.log.read().counted] == ["judge"] * 4
    shop.met.clear()
    assert shop.registered() == told == shop.register() and not shop.met, "they are not scored every night"


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_nobody_is_asked_to_bring_back_what_a_person_took_down(shop: Shop) -> None:
    shop.settings = Settings.model_validate({"gate": {"when_unsure": "promote"}})
    shop.retrain(1)
    assert shop.retrain(2, 0.95).verdict == "promoted"
    carry_out(
        shop.workspace, shop.registry, plan_rollback(shop.registry, shop.category.dataset, shop.category.name, "bad")
    )
    shop.settings = Settings.model_validate({"gate": {"when_unsure": "promote", "approval": "required"}})
    again = shop.retrain(2, 0.95)
    assert again.verdict == "kept" and "only tocoad promote" in again.reasons[0]
