"""The gate's verdict in a real registry: whom the challenger meets, when it speaks anew, what a rollback forbids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.history import history_table
from services.clean_process import CleanProcess
from services.mlflow import ledger
from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.glance import Glance
from services.mlflow.history import dataset_history, decisions
from services.mlflow.nights import Night
from services.mlflow.package_check import check_package, registered_parity
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from services.mlflow.registration import registered
from services.mlflow.tracking import Tracking
from tests.helpers.packages import alter_weights, as_format_1
from tests.helpers.registering import Shop, by_rules, make_shop
from tocoad.errors import StageError
from tocoad.gate.parity import Parity
from tocoad.gate.records import Evidence
from tocoad.package.detector import load_detector
from tocoad.settings.sections import Settings
from tocoad.stages.graph import detector_dir

pytestmark = pytest.mark.integration


@pytest.fixture
def shop(tracking: Tracking, tmp_path: Path, make_detector: Callable[[int], Path]) -> Shop:
    return make_shop(tracking, tmp_path, make_detector)


def test_a_package_that_is_registered_already_is_not_stored_again(shop: Shop) -> None:
    versions = {shop.retrain(1).version, shop.retrain(1).version}
    assert versions == {1}
    client, experiment = shop.tracking.client, shop.tracking.experiment("registration")
    again, first = (run.info.run_id for run in client.search_runs([experiment], max_results=2))
    models = client.search_logged_models([experiment])
    assert [model.source_run_id for model in models if model.source_run_id in (first, again)] == [first]
    assert not client.list_artifacts(first) and not client.list_artifacts(again)
    tags = {run.data.tags["model"] for run in client.search_runs([experiment], max_results=2)}
    assert tags == {f"models:/{shop.category.model_name}/1"}


def test_a_version_leads_to_the_record_of_its_night_for_good(shop: Shop) -> None:
    shop.night = Night("the first")
    shop.retrain(1)
    shop.night = Night("another")
    assert shop.retrain(1).version == 1
    assert shop.registry.version(shop.category.model_name, 1).tags["workspace"] == "the first"


def test_a_version_of_before_there_were_records_gets_one_with_the_next_retrain(shop: Shop) -> None:
    shop.retrain(1)
    shop.tracking.client.delete_model_version_tag(shop.category.model_name, "1", "workspace")
    assert shop.registered() is None
    shop.night = Night("the record")
    entries = len(shop.log.read().counted)
    assert shop.register().verdict == "promoted" and len(shop.log.read().counted) == entries, "nothing is judged anew"
    assert shop.registry.version(shop.category.model_name, 1).tags["workspace"] == "the record"
    assert shop.registered() is not None


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
    assert back.reasons[-1] == "it is champion, and was judged anew by the floors alone"
    assert shop.registered() == back and shop.log.read().way_back() == 1


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_who_is_to_judge_for_themselves_has_the_comparison_before_the_verdict_stands(shop: Shop) -> None:
    shop.retrain(1, 0.75)
    assert not shop.shown, "there was no champion"
    shop.retrain(2, 0.5)
    shop.register()
    assert shop.shown == [(2, 1, -0.25, 1)], "and what was judged is not compared once more"


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_package_that_gives_other_numbers_than_it_was_judged_by_is_rejected_with_figures(shop: Shop) -> None:
    with CleanProcess() as process:
        shop.examine = lambda version, _: Evidence(parity=registered_parity(shop.registry, version, process))
        first = shop.retrain(1)
        assert (first.verdict, first.aliases) == ("promoted", ("champion",))
        assert "gives the very scores and maps of its 3 probes" in first.reasons[0]
        shop.train(2)
        alter_weights(detector_dir(shop.workspace, shop.category, "patchcore"))
        shop.evaluate(0.99)
        altered = shop.register()
    assert (altered.version, altered.verdict, altered.aliases) == (2, "rejected", ())
    assert altered.reasons[0].startswith("parity: in a clean process the package's 3 probes are off, scores by up to ")
    figures = ledger.entries(shop.workspace, shop.category.dataset)[-1]["findings"][0]["figures"]
    assert figures["score_difference"] > 1e-5 and figures["probes"] == 3
    assert shop.log.settled().champion == 1


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_champion_of_the_format_before_probes_stays_and_can_be_gone_back_to(shop: Shop, tmp_path: Path) -> None:
    with CleanProcess() as process:
        shop.examine = lambda version, _: Evidence(parity=registered_parity(shop.registry, version, process))
        shop.train(1)
        as_format_1(detector_dir(shop.workspace, shop.category, "patchcore"))
        shop.evaluate(0.9)
        old = shop.register()
        assert (old.verdict, old.aliases) == ("promoted", ("champion",))
        assert any(why.startswith("parity not checked: the package carries no probes") for why in old.reasons)
        assert shop.retrain(2).aliases == ("champion",)
    move = plan_rollback(shop.registry, shop.category.dataset, "gear", "bad")
    assert check_package(shop.registry, move.new).probes == 0
    carry_out(shop.workspace, shop.registry, move)
    assert shop.log.settled().champion == 1
    champion = shop.registry.resolve(f"models:/{shop.category.model_name}@champion")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    back = load_detector(shop.registry.download(champion, tmp_path / "back")).predict(images)
    made = load_detector(shop.make_detector(1)).predict(images)
    assert back.pred_score.tobytes() == made.pred_score.tobytes()
    assert back.anomaly_map.tobytes() == made.anomaly_map.tobytes()


def test_a_champion_with_the_same_bytes_is_judged_anew_on_a_new_evaluation_set(shop: Shop) -> None:
    first = shop.retrain(1, 0.99)
    assert (first.verdict, shop.registered()) == ("promoted", first)
    shop.evaluation_set = "f"
    shop.evaluate(0.30)
    assert shop.registered() is None
    assert shop.standing() == {"version": 1, "method": "patchcore", "metrics": {}, "verdict": None}
    anew = shop.register()
    assert (anew.version, anew.verdict, anew.aliases) == (1, "rejected", ("champion",))
    assert anew.reasons[0] == "image_AUROC 0.3000 is below the floor 0.6"
    assert shop.registered() == anew
    now = shop.standing()
    assert (now["metrics"]["image_AUROC"], now["verdict"]) == (0.3, "rejected")
    tags = shop.registry.version(shop.category.model_name, 1).tags
    assert (tags["validation_status"], tags["image_AUROC"], tags["evaluation_set"]) == ("rejected", "0.3", "f")
    last = ledger.verdicts(shop.workspace, shop.category.dataset)[-1]
    assert (last["verdict"], last["metrics"]["image_AUROC"], last["method"]) == ("rejected", 0.3, "patchcore")


def test_with_other_rules_champion_and_challenger_are_judged_anew(shop: Shop) -> None:
    shop.retrain(1, 0.9)
    assert shop.retrain(2, 0.8).verdict == "kept"
    kept = shop.registered()
    shop.settings = by_rules(margin=0.2, image_AUROC_min=0.85)
    assert shop.registered() is None
    assert shop.register().verdict == "rejected"
    shop.settings = by_rules(margin=0.2)
    assert shop.register().aliases == ("champion",)
    shop.settings = by_rules()
    assert shop.registered().verdict == kept.verdict, "by these rules it was judged before"


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_the_standing_is_by_the_rules_here_though_another_workspace_judged_by_its_own_since(shop: Shop) -> None:
    shop.retrain(1, 0.9)
    shop.settings = by_rules(image_AUROC_min=0.95)
    assert shop.register().verdict == "rejected" == shop.standing()["verdict"]
    shop.settings = by_rules()
    assert shop.registered() is not None, "a retrain has nothing to judge"
    assert shop.standing()["verdict"] == "promoted"


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
def test_without_defects_champion_and_challenger_are_compared_on_made_anomalies_and_the_log_keeps_no_such_figure(
    shop: Shop,
) -> None:
    shop.settings = Settings.model_validate({"gate": {"when_unsure": "promote", "metrics": ["image_AUROC"]}})
    shop.with_defects = False
    verdicts = []
    for seed, figure in ((1, 0.9), (2, 0.8), (3, 0.95)):
        shop.train(seed)
        shop.made[shop.package] = figure
        shop.evaluate(0.5)
        verdicts.append(shop.register().verdict)
    assert verdicts == ["promoted", "kept", "promoted"]
    kept = shop.log.read().verdict_on(2)
    found = next(one for one in kept.decision.findings if one.name == "image_AUROC against champion")
    assert (found.outcome, found.figures["challenger"], found.figures["champion"]) == ("failed", 0.8, 0.9)
    assert set(kept.metrics.values()) == {None} and kept.images == {"good": 24}
    assert "image_AUROC" not in shop.registry.version(shop.category.model_name, 2).tags


def test_a_champion_that_a_person_made_is_scored_on_the_present_evaluation_set(shop: Shop) -> None:
    shop.retrain(1, 0.9)
    shop.evaluation_set = "f"
    first = shop.package
    shop.figures[first] = 0.7
    assert shop.retrain(2, 0.9).aliases == ("champion",)
    tags = shop.registry.version(shop.category.model_name, 1).tags
    assert (tags["image_AUROC"], tags["evaluation_set"]) == ("0.7", "f")
    shop.evaluation_set = "g"
    shop.evaluate(0.9)
    shop.register()
    carry_out(shop.workspace, shop.registry, plan_promotion(shop.registry, shop.category.dataset, "gear", 1))
    assert shop.registered() is None, "nobody knows what the champion is worth on these images"
    shop.met.clear()
    entries = len(shop.log.read().counted)
    shop.register()
    assert shop.met == [first] and len(shop.log.read().counted) == entries + 1
    assert shop.log.read().verdict_on(1, "g").metrics["image_AUROC"] == 0.7
    assert shop.registered() is not None


@pytest.mark.parametrize("write", ["create_model_version", "set_registered_model_alias", "set_model_version_tag"])
def test_a_registration_that_broke_off_is_taken_up_and_its_verdict_stands_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise OSError("the registry is gone")

    shop.train(1)
    shop.evaluate(0.9)
    client = shop.tracking.client
    shop.registry.register(
        shop.category.model_name,
        shop.tracking.start(shop.tracking.experiment("registration"), "gear"),
        detector_dir(shop.workspace, shop.category, "patchcore"),
        np.zeros((32, 32, 3), np.uint8),
        {"package_sha256": shop.package, "workspace": "its night's"},
    )
    with monkeypatch.context() as patch:
        patch.setattr(client, write, gone)
        with pytest.raises(OSError, match="the registry is gone"):
            shop.register()
    # Of the aliases `challenger` is set before the verdict.
    mended = shop.registered() if write == "set_model_version_tag" else shop.register()
    assert (mended.aliases, mended.verdict) == (("champion",), "promoted")
    assert shop.registered() == mended == shop.register()
    (entry,) = ledger.entries(shop.workspace, shop.category.dataset)
    assert list(mended.reasons) == entry["reasons"] and not shop.log.read().lost
    assert shop.registry.version(shop.category.model_name, 1).tags["validation_status"] == "promoted"


def test_a_workspace_that_never_saw_the_verdict_copies_it_from_the_registry(shop: Shop) -> None:
    shop.retrain(1)
    entries = ledger.entries(shop.workspace, shop.category.dataset)
    ledger.ledger_file(shop.workspace, shop.category.dataset).unlink()
    assert shop.registered() is not None
    assert ledger.entries(shop.workspace, shop.category.dataset) == entries


def test_a_registry_of_before_is_judged_anew_once_because_nobody_knows_by_which_rules(shop: Shop) -> None:
    """As the version before left it: aliases, tags and a ledger, and no log."""
    shop.retrain(1, 0.9)
    client, name = shop.tracking.client, shop.category.model_name
    client.delete_registered_model(f"{name}.decisions")
    client.delete_model_version_tag(name, "1", "rules")
    assert shop.registered() is None
    before = shop.standing()
    assert (before["metrics"]["image_AUROC"], before["verdict"]) == (0.9, None), "nothing is lost meanwhile"
    again = shop.register()
    assert (again.version, again.verdict, again.aliases) == (1, "promoted", ("champion",))
    assert [entry.action for _, entry in shop.log.read().counted] == ["adopt", "judge"]
    assert shop.registered() == again


def test_a_log_that_cannot_be_read_is_the_error_of_its_category_alone(shop: Shop) -> None:
    shop.retrain(1)
    shop.tracking.client.delete_model_version(shop.category.model_name, "1")
    assert shop.registered() is None, "the others of the data set go on"
    with pytest.raises(DecisionLogError, match="version 1 is champion and is gone"):
        shop.register()


def test_a_champion_is_not_judged_on_other_images_than_its_challenger(shop: Shop) -> None:
    shop.retrain(1)
    shop.train(2)
    shop.evaluate(0.9)
    shop.evaluation_set = "what the images are since"
    with pytest.raises(StageError, match="gear changed while it was judged: run again"):
        shop.register()
    assert shop.log.settled().champion == 1


def test_at_a_glance_what_is_known_needs_no_more_requests_and_what_moved_is_asked_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.retrain(1)
    known = shop.registered()
    registry, name = shop.registry, shop.category.model_name
    glance = Glance(registry, shop.category.dataset)
    assert glance.aliases(name) == registry.aliases(name) == {"champion": 1}
    assert glance.version(name, 1) == registry.version(name, 1)
    asked: list[str] = []
    with monkeypatch.context() as patch:
        for call in ("get_registered_model", "get_model_version", "search_model_versions", "set_model_version_tag"):
            patch.setattr(shop.tracking.client, call, lambda *_, call=call, **__: asked.append(call))
        assert registered(shop.workspace, shop.category, "patchcore", shop.settings, glance) == known
    assert not asked
    shop.tracking.client.delete_registered_model_alias(name, "champion")
    assert DecisionLog(Glance(registry, shop.category.dataset), name).settled().champion == 1
    assert registry.aliases(name) == {"champion": 1}, "put right, by what holds now"
    assert Glance(registry, shop.category.dataset[:-1]).aliases(name) == {}, "no other data set's"


def test_logs_too_long_for_a_glance_are_read_one_by_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.retrain(1)
    known = shop.registered()
    monkeypatch.setattr("services.mlflow.glance._VERSIONS_A_PAGE", 1)
    monkeypatch.setattr("services.mlflow.glance._VERSIONS", 1)
    glance = Glance(shop.registry, shop.category.dataset)
    assert registered(shop.workspace, shop.category, "patchcore", shop.settings, glance) == known


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_version_waits_through_the_nights_and_is_kept_out_when_its_time_is_over(shop: Shop) -> None:
    shop.settings = Settings.model_validate({"gate": {"approval": "required", "approval_hours": 1}})
    assert shop.retrain(1).verdict == "waiting"
    asked = decisions(shop.log)
    for night in (shop.registered(), shop.register()):
        assert night is not None and night.verdict == "waiting" and "champion" not in night.aliases
    assert decisions(shop.log) == asked
    shop.settings = Settings.model_validate({"gate": {"approval": "required", "approval_hours": 1e-9}})
    assert shop.retrain(2).verdict == "waiting"
    nights = (shop.registered(), shop.registered(), shop.register())
    assert [night is not None and night.expired for night in nights] == [True, False, False], "it is told once"
    for night in nights:
        assert night is not None and night.verdict == "kept"
        assert night.reasons[0].startswith("it waited in vain: nobody answered within")
    assert [entry["action"] for entry in decisions(shop.log)] == ["judge", "expire", "judge", "expire"]


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
