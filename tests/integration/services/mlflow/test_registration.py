"""The gate's verdict in a real registry: whom the challenger meets, and what a rollback forbids."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.mlflow import ledger, registration
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from services.mlflow.registration import Registration, register_candidate, registered
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import Candidate
from tocoad.package.card import package_sha256
from tocoad.settings.sections import Settings
from tocoad.stages.graph import detector_dir

pytestmark = pytest.mark.integration

Retrain = Callable[[int], Registration]


def candidate() -> Candidate:
    return Candidate(metrics={"image_AUROC": 0.9, "pixel_AUROC": 0.9, "pixel_AUPRO": 0.9}, evaluation_set="e")


@pytest.fixture
def category(tmp_path: Path) -> Category:
    return Category(tmp_path.name, "gear")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def registry(tracking: Tracking) -> Registry:
    return tracking.registry()


@pytest.fixture
def met(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests of the champions that were scored anew. Evaluations and images stand in: all are equally good."""
    monkeypatch.setattr(registration, "read_candidate", lambda *_: candidate())
    monkeypatch.setattr(registration, "_example", lambda *_: np.zeros((32, 32, 3), np.uint8))
    return []


@pytest.fixture
def retrain(
    tracking: Tracking,
    registry: Registry,
    workspace: Workspace,
    category: Category,
    met: list[str],
    make_detector: Callable[[int], Path],
) -> Retrain:
    """What a retrain does with the package of this seed."""

    def rescore(package: Path) -> Candidate:
        met.append(package_sha256(package))
        return candidate()

    def retrain(seed: int) -> Registration:
        folder = detector_dir(workspace, category, "patchcore")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_detector(seed).rename(folder)
        with tracking.run(tracking.experiment("registration"), "gear") as run:
            return register_candidate(workspace, category, "patchcore", Settings(), registry, run, rescore)

    return retrain


def test_a_package_that_is_registered_already_is_not_stored_again(
    retrain: Retrain, tracking: Tracking, category: Category
) -> None:
    versions = {retrain(1).version, retrain(1).version}
    assert versions == {1}
    runs = tracking.client.search_runs([tracking.experiment("registration")], max_results=2)
    again, first = (run.info.run_id for run in runs)
    models = tracking.client.search_logged_models([tracking.experiment("registration")])
    assert [model.source_run_id for model in models if model.source_run_id in (first, again)] == [first]
    assert not tracking.client.list_artifacts(first) and not tracking.client.list_artifacts(again)
    assert {run.data.tags["model"] for run in runs} == {f"models:/{category.model_name}/1"}


def test_after_a_rollback_the_challenger_meets_the_champion_that_is_back(
    retrain: Retrain, registry: Registry, workspace: Workspace, category: Category, met: list[str]
) -> None:
    retrain(1)
    first = package_sha256(detector_dir(workspace, category, "patchcore"))
    assert retrain(2).aliases == ("champion",)
    carry_out(workspace, registry, plan_rollback(registry, category.dataset, "gear", "bad"))
    assert registered(workspace, category, "patchcore", registry).aliases == ()
    met.clear()
    third = retrain(3)
    assert met == [first]
    assert (third.verdict, third.aliases) == ("promoted", ("champion",))
    assert ledger.entries(workspace, category.dataset)[-1]["champion"] == 1
    assert registry.by_alias(category.model_name, "previous").version == 1


def test_the_gate_does_not_bring_back_what_a_person_took_down(
    retrain: Retrain, registry: Registry, workspace: Workspace, category: Category
) -> None:
    retrain(1)
    retrain(2)
    carry_out(workspace, registry, plan_rollback(registry, category.dataset, "gear", "misses scratches"))
    again = retrain(2)
    assert (again.version, again.verdict, again.aliases) == (2, "kept", ())
    assert again.reasons[0].startswith("version 2 was rolled back (misses scratches)")
    assert registry.champion(category.model_name).version == 1
    carry_out(workspace, registry, plan_promotion(registry, category.dataset, "gear", 2))
    assert registry.champion(category.model_name).version == 2


def test_a_registration_that_broke_off_is_judged_again(
    retrain: Retrain,
    registry: Registry,
    workspace: Workspace,
    category: Category,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: Any) -> None:
        raise OSError("the registry is gone")

    for write in ("set_champion", "set_tags"):
        with monkeypatch.context() as patch:
            patch.setattr(Registry, write, gone)
            with pytest.raises(OSError, match="the registry is gone"):
                retrain(1)
        assert registered(workspace, category, "patchcore", registry) is None
    entries = ledger.entries(workspace, category.dataset)
    mended = retrain(1)
    assert (mended.aliases, mended.verdict) == (("champion",), "promoted")
    assert registered(workspace, category, "patchcore", registry) == mended
    # The last run had moved the alias: its verdict stands, and is not given twice.
    assert ledger.entries(workspace, category.dataset) == entries
    assert list(mended.reasons) == entries[-1]["reasons"]


def test_a_champion_that_was_never_judged_and_no_longer_has_a_ledger_is_judged_like_any_other(
    retrain: Retrain, registry: Registry, workspace: Workspace, category: Category, met: list[str]
) -> None:
    retrain(1)
    ledger.ledger_file(workspace, category.dataset).unlink()
    again = retrain(1)
    assert (again.version, again.verdict, again.aliases) == (1, "promoted", ("champion",))
    assert len(ledger.entries(workspace, category.dataset)) == 1
