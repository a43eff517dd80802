"""One category as it was when a version of its detector was registered, by the record of that night."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from services.addresses import configure
from services.mlflow.nights import NIGHT_TAG, keep_night
from services.mlflow.registry import PACKAGE_TAG, Registry
from services.mlflow.tracking import Tracking
from services.restoring.restore import restore
from services.restoring.states import State, state_of_version
from services.restoring.unrecorded import UnrecordedError, recorded_somewhere
from tests.helpers.environment import kept_environment
from tests.helpers.nights import add_images, commit_night, contents, is_up_to_date, new_workspace, retrain
from tests.helpers.restoring import bring_back
from tocoad.errors import SettingsError, StageError
from tocoad.files.workspace import Category, Workspace
from tocoad.package.card import package_sha256
from tocoad.settings.file import load_params, override
from tocoad.stages.graph import detector_dir

pytestmark = pytest.mark.integration

IMAGES = {"gear/train/good/0.png": "gear", "plate/train/good/0.png": "plate"}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two, of which each has registered a version of both categories: the second with other images of both."""
    workspace = new_workspace(tmp_path_factory.mktemp("nights") / "there")
    with kept_environment():
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        tracking = Tracking(configure(workspace))
        for text in ("", "another "):
            add_images(workspace, "tiny", {path: f"{text}{content}" for path, content in IMAGES.items()})
            retrain(workspace, "tiny")
            register(workspace, tracking)
            commit_night(workspace)
    return workspace.root.parent


def register(workspace: Workspace, tracking: Tracking) -> None:
    """As the flow does, but for the model itself."""
    with tracking.run(tracking.experiment("tiny"), "retrain tiny") as run:
        night = keep_night(tracking.client, run, workspace)
        for name in ("gear", "plate"):
            category = Category("tiny", name)
            package = package_sha256(detector_dir(workspace, category, "patchcore"))
            registry = tracking.registry()
            registry._create_model(category.model_name)
            tags = {NIGHT_TAG: night, PACKAGE_TAG: package}
            tracking.client.create_model_version(category.model_name, "nowhere", run.run_id, tags=tags)


@pytest.fixture
def there(nights: Path, tmp_path: Path, restored_environment: None, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(nights, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Workspace(tmp_path / "there")


@pytest.fixture
def registry(there: Workspace) -> Registry:
    return Tracking(configure(there)).registry()


def version(registry: Registry, text: str, tmp_path: Path) -> State:
    scratch = tmp_path / f"record of {text}"
    scratch.mkdir()
    return state_of_version(registry, "tiny", text, scratch)


def test_the_category_comes_back_as_the_version_was_and_the_others_stay(
    there: Workspace, registry: Registry, tmp_path: Path
) -> None:
    plate = contents(there, "tiny", "plate")
    done = bring_back(there, version(registry, "gear@1", tmp_path))
    assert done.state == "version 1 of tiny.gear"
    assert (there.root / "data/tiny/gear/train/good/0.png").read_text() == "gear"
    package = package_sha256(detector_dir(there, Category("tiny", "gear"), "patchcore"))
    assert package == registry.version("tiny.gear", 1).tags[PACKAGE_TAG]
    assert contents(there, "tiny", "plate") == plate and is_up_to_date(there, "tiny")


def test_the_way_back_to_the_newer_version_is_open(there: Workspace, registry: Registry, tmp_path: Path) -> None:
    before = contents(there, "tiny")
    bring_back(there, version(registry, "gear@1", tmp_path))
    bring_back(there, version(registry, "gear@2", tmp_path))
    assert contents(there, "tiny") == before and is_up_to_date(there, "tiny")


def test_settings_of_the_version_by_which_the_other_category_would_be_stale_are_refused(
    there: Workspace, registry: Registry, tmp_path: Path
) -> None:
    override(there, {"seed": "7"})
    retrain(there, "tiny")
    commit_night(there)
    with pytest.raises(SettingsError, match=r"other values of seed: .* trained of tiny/plate would be stale; --force"):
        bring_back(there, version(registry, "gear@1", tmp_path))
    bring_back(there, state_of_version(registry, "tiny", "gear@1", tmp_path), force=True)
    assert load_params(there).settings.seed == 0 and not is_up_to_date(there, "tiny")


def test_settings_that_the_record_of_a_night_has_may_go(there: Workspace, registry: Registry, tmp_path: Path) -> None:
    """Without any commit of them."""
    override(there, {"gate.margin": "0.1"})
    tracking = Tracking(services := configure(there))
    state = version(registry, "gear@1", tmp_path)
    recorded = recorded_somewhere(there, services)
    with pytest.raises(UnrecordedError, match=r"params.yaml as it is now is recorded nowhere"):
        restore(there, state, recorded, wait=0)
    with tracking.run(tracking.experiment("tiny"), "retrain tiny") as run:
        keep_night(tracking.client, run, there)
    assert restore(there, state, recorded, wait=0).settings == ("gate.margin",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gear", "it is of the form CATEGORY@N, e.g. bottle@3"),
        ("gear@newest", "it is of the form CATEGORY@N"),
        ("bolt@1", r"no model 'tiny.bolt' is registered"),
        ("gear@9", r"tiny.gear has no version 9"),
    ],
)
def test_a_version_that_is_none_is_told(registry: Registry, tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        version(registry, text, tmp_path)


def test_a_version_without_a_record_and_one_whose_record_is_gone_are_told(registry: Registry, tmp_path: Path) -> None:
    registry.client.set_model_version_tag("tiny.gear", "1", NIGHT_TAG, "0" * 32)
    with pytest.raises(SettingsError, match=r"models:/tiny.gear/1: its record, of MLflow's run 0{32}, is gone"):
        version(registry, "gear@1", tmp_path)
    registry.client.delete_model_version_tag("tiny.gear", "1", NIGHT_TAG)
    with pytest.raises(SettingsError, match=r"models:/tiny.gear/1 was registered before there were records"):
        state_of_version(registry, "tiny", "gear@1", tmp_path)


def test_a_detector_that_is_not_the_registered_one_is_told(
    there: Workspace, registry: Registry, tmp_path: Path
) -> None:
    registry.client.set_model_version_tag("tiny.gear", "1", PACKAGE_TAG, "c0ffee")
    with pytest.raises(StageError, match="the detector that its record names is not the one that was registered"):
        bring_back(there, version(registry, "gear@1", tmp_path))
