"""A data set and what was trained of it come back as they were, on a machine that has a clone and nothing else."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data
from services.restoring.restore import Restored, restore
from services.restoring.states import State, present_state, state_at
from services.restoring.unrecorded import UnrecordedError, recorded_here
from services.store.errors import StoreError
from tests.helpers.nights import (
    add_images,
    clone,
    commit_night,
    contents,
    finish,
    git,
    is_up_to_date,
    new_workspace,
    retrain,
)
from tocoad.errors import SettingsError
from tocoad.files.lease import LeaseTakenError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params, override
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration

FIRST = {"gear/train/good/0.png": "gear", "gear/test/good/1.png": "gear 1", "plate/train/good/0.png": "plate"}
FIRST_NIGHT = "origin/main^{/the first night}"
SECOND = {"gear/train/good/2.png": "gear 2", "plate/train/good/0.png": "another plate"}


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = new_workspace(tmp_path_factory.mktemp("nights") / "there")
    add_images(workspace, "tiny", FIRST)
    retrain(workspace, "tiny")
    commit_night(workspace, "the first night")
    add_images(workspace, "tiny", SECOND)
    retrain(workspace, "tiny")
    commit_night(workspace, "the second night")
    return workspace.root.parent


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def there(two_nights: Path, tmp_path: Path) -> Workspace:
    """The machine on which two nights were; the second is the branch's last."""
    shutil.copytree(two_nights, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Workspace(tmp_path / "there")


@pytest.fixture
def here(there: Workspace, tmp_path: Path) -> Workspace:
    return clone(there, tmp_path / "here")


def bring_back(workspace: Workspace, state: State | None = None, force: bool = False) -> Restored:
    state = state or present_state(workspace, "tiny")
    return restore(workspace, state, recorded_here(workspace), force, silent, 0)


def at(workspace: Workspace, rev: str, scratch: Path, dataset: str = "tiny") -> State:
    folder = scratch / f"documents of {rev}"
    folder.mkdir(exist_ok=True)
    return state_at(workspace, dataset, rev, folder)


def first_night(there: Workspace, tmp_path: Path) -> dict[str, bytes]:
    """As it was, by a checkout and plain `dvc pull`."""
    workspace = clone(there, tmp_path / "then")
    git(workspace.root, "checkout", "-q", FIRST_NIGHT)
    with Repo(str(workspace.root)) as repo:
        repo.pull()
    return contents(workspace, "tiny")


def test_on_a_clean_machine_everything_comes_back_to_the_byte_and_nothing_is_stale(
    there: Workspace, here: Workspace
) -> None:
    done = bring_back(here)
    assert contents(here, "tiny") == contents(there, "tiny")
    assert is_up_to_date(here, "tiny")
    assert done.files == len(contents(here, "tiny")) and done.brought.moved.bytes > 0 and not done.of_other_code
    assert git(here.root, "status", "--porcelain") == ""
    again = bring_back(here)
    assert again.brought.moved.objects == 0 and not again.healed


def test_only_the_objects_of_the_data_set_are_fetched(there: Workspace, tmp_path: Path) -> None:
    add_images(there, "large", {"bolt/train/good/0.png": "of another data set"})
    retrain(there, "large")
    commit_night(there)
    here = clone(there, tmp_path / "here")
    bring_back(here)
    assert is_up_to_date(here, "tiny") and not (here.root / "data/large").exists()
    objects = [file.read_bytes() for file in (here.root / ".dvc/cache/files/md5").glob("*/*")]
    assert b"gear 1" in objects and b"of another data set" not in objects


def test_an_earlier_revision_comes_back_and_the_present_one_after_it(
    there: Workspace, here: Workspace, tmp_path: Path
) -> None:
    bring_back(here)
    done = bring_back(here, at(here, "HEAD~1", tmp_path))
    assert contents(here, "tiny") == first_night(there, tmp_path) and is_up_to_date(here, "tiny")
    assert done.state.startswith("at ") and done.settings == ()
    assert git(here.root, "diff", "--stat", "HEAD~1", "--", "dvc.lock", "params.yaml", "data") == ""
    bring_back(here, at(here, "HEAD", tmp_path))
    assert contents(here, "tiny") == contents(there, "tiny") and is_up_to_date(here, "tiny")
    assert git(here.root, "status", "--porcelain") == ""


def test_after_a_pull_or_a_checkout_of_git_the_data_follow_its_documents(there: Workspace, tmp_path: Path) -> None:
    """Also on the machine that made them, whose outputs have their records beside them."""
    second = contents(there, "tiny")
    git(there.root, "checkout", "-q", "HEAD~1")
    bring_back(there)
    assert contents(there, "tiny") == first_night(there, tmp_path) and is_up_to_date(there, "tiny")
    git(there.root, "checkout", "-q", "main")
    bring_back(there)
    assert contents(there, "tiny") == second and is_up_to_date(there, "tiny")


def test_a_data_set_that_was_never_trained_goes_back_and_forth_and_dvc_reads_the_workspace_all_the_while(
    tmp_path: Path,
) -> None:
    workspace = new_workspace(tmp_path / "images alone")
    nights = {}
    for images in (FIRST, SECOND):
        add_images(workspace, "tiny", images)
        data.track_dataset(workspace, "tiny")
        nights[commit_night(workspace)] = contents(workspace, "tiny")
    for rev, then in nights.items():
        bring_back(workspace, at(workspace, rev, tmp_path))
        assert contents(workspace, "tiny") == then and not (workspace.root / "dvc.lock").exists()
        with Repo(str(workspace.root)) as repo:
            assert repo.status(targets=[str(workspace.root / "data/tiny.dvc")]) == {}
    retrain(workspace, "tiny")
    trained = commit_night(workspace)
    for rev in (*nights, trained):
        bring_back(workspace, at(workspace, rev, tmp_path))
        assert (workspace.root / "dvc.lock").exists() == (rev == trained)
    assert is_up_to_date(workspace, "tiny")


def test_of_an_earlier_revision_the_other_data_sets_stay_as_they_are(there: Workspace, tmp_path: Path) -> None:
    add_images(there, "large", {"bolt/train/good/0.png": "bolt"})
    retrain(there, "large")
    commit_night(there)
    other = contents(there, "large")
    bring_back(there, at(there, "HEAD~2", tmp_path))
    assert contents(there, "tiny") == first_night(there, tmp_path)
    assert contents(there, "large") == other
    assert is_up_to_date(there, "tiny") and is_up_to_date(there, "large")
    assert set(load_params(there).plan.categories) == {"large/bolt", "tiny/gear", "tiny/plate"}
    # The documents are a mixture now that no commit has, and still the way back is open.
    bring_back(there, at(there, "HEAD", tmp_path))
    assert contents(there, "large") == other and is_up_to_date(there, "tiny")


def test_a_category_that_was_not_there_then_goes_and_comes_again(there: Workspace, tmp_path: Path) -> None:
    add_images(there, "tiny", {"bolt/train/good/0.png": "bolt"})
    retrain(there, "tiny")
    commit_night(there)
    bring_back(there, at(there, "HEAD~1", tmp_path))
    assert not (there.root / "data/tiny/bolt").exists() and is_up_to_date(there, "tiny")
    assert load_params(there).plan.categories == ("tiny/gear", "tiny/plate")
    bring_back(there, at(there, "HEAD", tmp_path))
    assert (there.root / "data/tiny/bolt/train/good/0.png").read_text() == "bolt" and is_up_to_date(there, "tiny")


def with_seed(workspace: Workspace, seed: int) -> None:
    override(workspace, {"seed": str(seed)})


def test_settings_of_then_come_back_with_it_but_for_addresses_and_sizes(there: Workspace, tmp_path: Path) -> None:
    override(there, {"seed": "7", "ray.num_cpus": "2", "flow.retries": "3"})
    retrain(there, "tiny")
    commit_night(there)
    done = bring_back(there, at(there, "HEAD~1", tmp_path))
    settings = load_params(there).settings
    assert done.settings == ("seed",) and settings.seed == 0
    assert (settings.ray.num_cpus, settings.flow.retries) == (2, 3)
    assert is_up_to_date(there, "tiny")


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


def snapshot(workspace: Workspace) -> dict[str, bytes]:
    kept = [workspace.root / name for name in ("data", "work", "params.yaml", "plan.yaml", "dvc.lock", "dvc.yaml")]
    files = [file for place in kept for file in (place, *place.rglob("*")) if file.is_file()]
    return {file.relative_to(workspace.root).as_posix(): file.read_bytes() for file in files}


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
    assert images <= kept and object_of(cache, version).is_file()


def test_what_no_cache_has_is_not_given_up(there: Workspace, tmp_path: Path, store: Path) -> None:
    shutil.rmtree(there.root / ".dvc/cache/files/md5")
    object_of(store, data.data_version(there, "tiny")).unlink()
    with pytest.raises(UnrecordedError, match=r"data/tiny is recorded in data/tiny.dvc, and kept nowhere"):
        bring_back(there, at(there, "HEAD~1", tmp_path))
    retrain(there, "tiny")
    bring_back(there, at(there, "HEAD~1", tmp_path))
    assert contents(there, "tiny") == first_night(there, tmp_path)


def flip(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


def object_of(folder: Path, md5: str) -> Path:
    return folder / "files/md5" / md5[:2] / md5[2:]


def md5_of(workspace: Workspace, path: str) -> str:
    import hashlib

    return hashlib.md5((workspace.root / path).read_bytes()).hexdigest()


DETECTOR = "work/tiny/gear/patchcore/fit/detector/detector.json"
IMAGE = "data/tiny/gear/train/good/0.png"


def test_a_damaged_file_of_a_detector_is_named_and_comes_from_what_is_sound(there: Workspace, here: Workspace) -> None:
    bring_back(here)
    flip(here.root / DETECTOR)
    assert bring_back(here).healed == (f"{DETECTOR}: it was not what it should be",)
    assert contents(here, "tiny") == contents(there, "tiny") and is_up_to_date(here, "tiny")


def test_a_damaged_object_is_named_put_aside_and_comes_anew_from_the_remote(there: Workspace, here: Workspace) -> None:
    bring_back(here)
    cache, md5 = here.root / ".dvc/cache", md5_of(here, DETECTOR)
    flip(object_of(cache, md5))
    shutil.rmtree(here.root / "work")
    (healed,) = bring_back(here).healed
    assert healed.startswith(f"{DETECTOR}: its object was damaged; it is put aside as {cache}")
    assert contents(here, "tiny") == contents(there, "tiny") and is_up_to_date(here, "tiny")


@pytest.mark.parametrize("cache_type", ["copy", "symlink", "hardlink"])
def test_damaged_images_come_anew_before_the_folder_takes_its_place(
    there: Workspace, here: Workspace, store: Path, cache_type: str
) -> None:
    """The largest folder is placed first, and its objects are read as they are copied."""
    bring_back(here)
    with Repo(str(here.root)) as repo, repo.config.edit("local") as config:
        config["cache"]["type"] = [cache_type]
    images = ("data/tiny/gear/train/good/2.png", "data/tiny/gear/test/good/1.png")
    damaged, cache = [md5_of(there, image) for image in images], here.root / ".dvc/cache"

    def lose() -> None:
        shutil.rmtree(here.root / "data/tiny")
        for md5 in damaged:
            flip(object_of(cache, md5))

    lose()
    done = bring_back(here)
    assert {line.partition(": its object was damaged; it is put aside")[0] for line in done.healed} == {*images}
    assert done.brought.moved.objects == 2
    assert contents(here, "tiny") == contents(there, "tiny") and is_up_to_date(here, "tiny")
    assert [object_of(cache, md5).read_bytes() for md5 in damaged] == [b"gear 2", b"gear 1"]
    lose()
    object_of(store, damaged[0]).unlink()
    before = snapshot(here)
    with pytest.raises(StoreError, match=rf"^{images[0]}: "):
        bring_back(here)
    assert snapshot(here) == before


def test_a_damaged_list_of_a_folder_comes_anew_too(there: Workspace, here: Workspace) -> None:
    bring_back(here)
    version = data.data_version(here, "tiny")
    flip(object_of(here.root / ".dvc/cache", version))
    assert "data/tiny: its object was damaged" in bring_back(here).healed[0]
    assert is_up_to_date(here, "tiny")


def test_an_image_that_differs_is_no_damage_that_is_mended_without_a_word(here: Workspace) -> None:
    bring_back(here)
    flip(here.root / IMAGE)
    with pytest.raises(UnrecordedError, match=f"{IMAGE}: not as data/tiny.dvc has it"):
        bring_back(here)
    done = bring_back(here, force=True)
    assert done.healed == (f"{IMAGE}: it was not what it should be",) and is_up_to_date(here, "tiny")


def test_a_missing_image_is_simply_brought_back(here: Workspace) -> None:
    bring_back(here)
    (here.root / IMAGE).unlink()
    bring_back(here)
    assert (here.root / IMAGE).read_text() == "gear" and is_up_to_date(here, "tiny")


@pytest.mark.parametrize("fault", ["flipped", "cut", "gone", "another"])
def test_what_is_damaged_or_gone_in_the_remote_is_refused_by_its_name_and_nothing_is_changed(
    here: Workspace, there: Workspace, store: Path, fault: str
) -> None:
    far = object_of(store, md5_of(there, DETECTOR))
    if fault == "flipped":
        flip(far)
    elif fault == "gone":
        far.unlink()
    else:
        content = far.read_bytes()
        far.chmod(0o644)
        far.write_bytes(content[:-5] if fault == "cut" else b"another")
    before = snapshot(here)
    with pytest.raises(StoreError, match=DETECTOR):
        bring_back(here)
    assert snapshot(here) == before
    commit = git(there.root, "rev-parse", "HEAD")
    assert commit_again(there) != commit, "a machine that has it pushes it again"
    bring_back(here)
    assert contents(here, "tiny") == contents(there, "tiny")


def commit_again(workspace: Workspace) -> str:
    (workspace.root / "params.yaml").write_text((workspace.root / "params.yaml").read_text() + "\n")
    return commit_night(workspace)


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
    from tests.integration.services.test_datasets import held_elsewhere

    before = snapshot(here)
    with held_elsewhere(here, Category("tiny", "gear")), pytest.raises(LeaseTakenError):
        bring_back(here)
    assert snapshot(here) == before


def test_what_people_said_of_the_data_set_comes_and_goes_with_it(there: Workspace, tmp_path: Path) -> None:
    intake = there.root / "feedback/tiny/0001/intake.json"
    intake.parent.mkdir(parents=True)
    intake.write_text("{}")
    data.track_folder(there, there.root / "feedback/tiny")
    retrain(there, "tiny")
    commit_night(there)
    here = clone(there, tmp_path / "here")
    bring_back(here)
    assert (here.root / "feedback/tiny/0001/intake.json").read_text() == "{}"
    bring_back(here, at(here, "HEAD~1", tmp_path))
    assert not (here.root / "feedback/tiny").exists() and not (here.root / "feedback/tiny.dvc").exists()
    git(here.root, "checkout", "-q", "--", ".")
    bring_back(here)
    assert (here.root / "feedback/tiny/0001/intake.json").read_text() == "{}"


@pytest.mark.parametrize("moment", ["data/.tiny.incoming-*", "work/tiny/gear/patchcore/.fit.incoming-*"])
def test_killed_at_any_moment_the_same_command_goes_on(
    there: Workspace, here: Workspace, tmp_path: Path, moment: str
) -> None:
    bring_back(here)
    command = [str(Path(sys.executable).with_name("tocoad")), "restore", "tiny", "--rev", "HEAD~1"]
    for _ in range(5):
        process = subprocess.Popen(command, cwd=here.root, stderr=subprocess.PIPE)
        while process.poll() is None and not any(here.root.glob(moment)):
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            break
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run(command, cwd=here.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "every hash verified" in done.stderr
    assert contents(here, "tiny") == first_night(there, tmp_path) and is_up_to_date(here, "tiny")
    assert not any((*here.root.rglob(".*.incoming*"), *here.root.rglob(".*.previous")))
