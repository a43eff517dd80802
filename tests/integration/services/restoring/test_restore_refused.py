"""What a restore would lose, and what it cannot bring: refused by its name, and nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.dvc import data
from services.restoring.unrecorded import UnrecordedError
from services.store.errors import StoreError
from tests.helpers.leases import held_elsewhere
from tests.helpers.nights import add_images, commit_night, contents, finish, is_up_to_date, retrain
from tests.helpers.objects import object_file
from tests.helpers.restoring import at, bring_back, first_night, snapshot
from tocoad.errors import SettingsError
from tocoad.files.lease import LeaseTakenError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params, override

pytestmark = pytest.mark.integration


def with_seed(workspace: Workspace, seed: int) -> None:
    override(workspace, {"seed": str(seed)})


def test_settings_by_which_another_data_set_would_be_stale_are_refused_unless_that_is_wanted(
    there: Workspace, tmp_path: Path
) -> None:
    with_seed(there, 7)
    retrain(there, "tiny")
    add_images(there, "large", {"bolt/train/good/0.png": "bolt"})
    retrain(there, "large")
    commit_night(there)
    before = snapshot(there)
    with pytest.raises(SettingsError, match=r"other values of seed: .* trained of large/bolt would be stale; --force"):
        bring_back(there, at(there, "HEAD~1", tmp_path))
    assert snapshot(there) == before
    bring_back(there, at(there, "HEAD~1", tmp_path), force=True)
    assert is_up_to_date(there, "tiny") and not is_up_to_date(there, "large")


def changed_settings(workspace: Workspace) -> None:
    override(workspace, {"calibration.false_reject_rate": "0.01"})


def changed_image(workspace: Workspace) -> None:
    add_images(workspace, "tiny", {"gear/train/good/0.png": "touched up"})


def new_image(workspace: Workspace) -> None:
    add_images(workspace, "tiny", {"gear/train/good/9.png": "of today"})


def tracked_image(workspace: Workspace) -> None:
    new_image(workspace)
    data.track_dataset(workspace, "tiny")


def finished_work(workspace: Workspace) -> None:
    folder = workspace.root / "work/tiny/gear/patchcore/fit"
    (folder / "metrics.json").unlink()
    (folder / "metrics.json").write_text("better")
    finish(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed_settings, r"params.yaml as it is now is recorded nowhere: commit it"),
        (changed_image, r"data/tiny/gear/train/good/0.png: not as data/tiny.dvc has it, and recorded nowhere"),
        (new_image, r"data/tiny/gear/train/good/9.png: not as data/tiny.dvc has it, .* tocoad retrain tiny takes it"),
        (tracked_image, r"data/tiny.dvc as it is now is recorded nowhere: commit it"),
        (finished_work, r"work/tiny/gear/patchcore/fit is finished and not recorded: tocoad retrain tiny"),
    ],
)
def test_what_is_recorded_nowhere_is_not_lost_unless_that_is_wanted(
    there: Workspace, tmp_path: Path, change: Callable[[Workspace], None], told: str
) -> None:
    with_seed(there, 7)
    retrain(there, "tiny")
    commit_night(there)
    change(there)
    before = snapshot(there)
    with pytest.raises(UnrecordedError, match=told):
        bring_back(there, at(there, "HEAD~1", tmp_path))
    assert snapshot(there) == before
    bring_back(there, at(there, "HEAD~1", tmp_path), force=True)
    assert is_up_to_date(there, "tiny") and load_params(there).settings.seed == 0


def test_images_that_are_recorded_but_in_no_cache_are_kept_when_others_take_their_place(
    here: Workspace, tmp_path: Path
) -> None:
    """Somebody has emptied the cache."""
    bring_back(here)
    version, cache = data.data_version(here, "tiny"), here.root / ".dvc/cache"
    assert version is not None
    shutil.rmtree(cache / "files/md5")
    images = {file.read_bytes() for file in here.dataset_dir("tiny").rglob("*.png")}
    bring_back(here, at(here, "HEAD~1", tmp_path))
    kept = {file.read_bytes() for file in (cache / "files/md5").glob("*/*")}
    assert images <= kept and object_file(cache, version).is_file()


def test_what_no_cache_has_is_not_given_up(there: Workspace, tmp_path: Path, store: Path) -> None:
    shutil.rmtree(there.root / ".dvc/cache/files/md5")
    object_file(store, data.data_version(there, "tiny")).unlink()
    with pytest.raises(UnrecordedError, match=r"data/tiny is recorded in data/tiny.dvc, and kept nowhere"):
        bring_back(there, at(there, "HEAD~1", tmp_path))
    retrain(there, "tiny")
    bring_back(there, at(there, "HEAD~1", tmp_path))
    assert contents(there, "tiny") == first_night(there, tmp_path)


def test_without_a_remote_it_says_what_is_missing_and_where_to_name_one(here: Workspace) -> None:
    (here.root / ".dvc/config").write_text("")
    with pytest.raises(StoreError, match=r"^data/tiny: .* no remote is configured: tocoad remote set URL$"):
        bring_back(here)


@pytest.mark.parametrize(
    ("dataset", "rev", "told"),
    [
        ("tinny", "HEAD", r"at .* no data set 'tinny' is recorded \(data/tinny.dvc\)"),
        ("tiny", "nightly", "--rev nightly: git knows no such revision here; git fetch"),
        ("tiny", "--all", "--rev --all: git knows no such revision"),
        ("../tiny", "HEAD", "no data set '../tiny'"),
    ],
)
def test_what_is_not_recorded_is_told(here: Workspace, tmp_path: Path, dataset: str, rev: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        at(here, rev, tmp_path, dataset)


def test_a_data_set_that_a_run_works_on_is_not_touched(here: Workspace) -> None:
    before = snapshot(here)
    with held_elsewhere(here, Category("tiny", "gear")), pytest.raises(LeaseTakenError):
        bring_back(here)
    assert snapshot(here) == before
