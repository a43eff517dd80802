"""What is damaged, in the workspace, in DVC's cache or in the remote, is named and comes anew from what is sound."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data
from services.restoring.unrecorded import UnrecordedError
from services.store.errors import StoreError
from tests.helpers.nights import commit_night, contents, git, is_up_to_date
from tests.helpers.objects import object_file
from tests.helpers.restoring import bring_back, snapshot
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

DETECTOR = "work/tiny/gear/patchcore/fit/detector/detector.json"
IMAGE = "data/tiny/gear/train/good/0.png"


def flip(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


def md5_of(workspace: Workspace, path: str) -> str:
    return hashlib.md5((workspace.root / path).read_bytes()).hexdigest()


def test_a_damaged_file_of_a_detector_is_named_and_comes_from_what_is_sound(there: Workspace, here: Workspace) -> None:
    bring_back(here)
    flip(here.root / DETECTOR)
    assert bring_back(here).healed == (f"{DETECTOR}: it was not what it should be",)
    assert contents(here, "tiny") == contents(there, "tiny") and is_up_to_date(here, "tiny")


def test_a_damaged_object_is_named_put_aside_and_comes_anew_from_the_remote(there: Workspace, here: Workspace) -> None:
    bring_back(here)
    cache, md5 = here.root / ".dvc/cache", md5_of(here, DETECTOR)
    flip(object_file(cache, md5))
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
            flip(object_file(cache, md5))

    lose()
    done = bring_back(here)
    assert {line.partition(": its object was damaged; it is put aside")[0] for line in done.healed} == {*images}
    assert done.brought.moved.objects == 2
    assert contents(here, "tiny") == contents(there, "tiny") and is_up_to_date(here, "tiny")
    assert [object_file(cache, md5).read_bytes() for md5 in damaged] == [b"gear 2", b"gear 1"]
    lose()
    object_file(store, damaged[0]).unlink()
    before = snapshot(here)
    with pytest.raises(StoreError, match=rf"^{images[0]}: "):
        bring_back(here)
    assert snapshot(here) == before


def test_a_damaged_list_of_a_folder_comes_anew_too(there: Workspace, here: Workspace) -> None:
    bring_back(here)
    version = data.data_version(here, "tiny")
    flip(object_file(here.root / ".dvc/cache", version))
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
    far = object_file(store, md5_of(there, DETECTOR))
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
