"""A data set and what was trained of it come back as they were, on a machine that has a clone and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data
from tests.helpers.nights import add_images, clone, commit_night, contents, git, is_up_to_date, new_workspace, retrain
from tests.helpers.restoring import FIRST, SECOND, at, bring_back, first_night
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params, override

pytestmark = pytest.mark.integration


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


def test_settings_of_then_come_back_with_it_but_for_addresses_and_sizes(there: Workspace, tmp_path: Path) -> None:
    override(there, {"seed": "7", "ray.num_cpus": "2", "flow.retries": "3"})
    retrain(there, "tiny")
    commit_night(there)
    done = bring_back(there, at(there, "HEAD~1", tmp_path))
    settings = load_params(there).settings
    assert done.settings == ("seed",) and settings.seed == 0
    assert (settings.ray.num_cpus, settings.flow.retries) == (2, 3)
    assert is_up_to_date(there, "tiny")


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
