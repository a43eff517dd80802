"""A package is registered once, its verdict stands once, and whoever looks again finds both with few requests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.mlflow import ledger
from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.glance import Glance
from services.mlflow.history import decisions
from services.mlflow.nights import Night
from services.mlflow.registration import registered
from tests.helpers.registering import Shop
from tocoad.settings.sections import Settings
from tocoad.stages.graph import detector_dir

pytestmark = pytest.mark.integration


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


def test_a_log_that_cannot_be_read_is_the_error_of_its_category_alone(shop: Shop) -> None:
    shop.retrain(1)
    shop.tracking.client.delete_model_version(shop.category.model_name, "1")
    assert shop.registered() is None, "the others of the data set go on"
    with pytest.raises(DecisionLogError, match="version 1 is champion and is gone"):
        shop.register()


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
