"""The gate's verdict in a real registry: whom the challenger meets, on which images, and when it speaks anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.clean_process import CleanProcess
from services.mlflow import ledger
from services.mlflow.package_check import check_package, registered_parity
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from tests.helpers.packages import alter_weights, as_format_1
from tests.helpers.registering import Shop, by_rules
from tocoad.errors import StageError
from tocoad.gate.records import Evidence
from tocoad.package.detector import load_detector
from tocoad.settings.sections import Settings
from tocoad.stages.graph import detector_dir

pytestmark = pytest.mark.integration


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
        assert any("gives the very scores and maps of its 3 probes" in reason for reason in first.reasons)
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


def test_a_champion_is_not_judged_on_other_images_than_its_challenger(shop: Shop) -> None:
    shop.retrain(1)
    shop.train(2)
    shop.evaluate(0.9)
    shop.evaluation_set = "what the images are since"
    with pytest.raises(StageError, match="gear changed while it was judged: run again"):
        shop.register()
    assert shop.log.settled().champion == 1
