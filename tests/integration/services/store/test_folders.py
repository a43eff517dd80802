"""Folders of a disk go into a store and come out of it, by the hashes that DVC gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import get_odb
from dvc_objects.fs import localfs

from services.store.errors import AbsentError, DamagedError
from services.store.folders import get_folder, put_folder
from services.store.store import Store, open_store
from services.store.transfer import Moved, transfer
from tests.helpers.objects import flip, object_file, put_object


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With folders in it, two files of the same content, an empty one and names that are not plain."""
    files = {
        "weights.safetensors": bytes(100_000),
        "maps/ä b.png": b"1",
        "maps/b.png": b"1",
        "a/b/empty": b"",
        "Z": b"z",
    }
    for name, content in files.items():
        file = tmp_path / "made" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "made"


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_has_the_hash_that_dvc_gives_it(folder: Path, tmp_path: Path) -> None:
    name, moved = put_folder(folder, open_store(str(tmp_path / "store")))
    odb = get_odb(localfs, str(tmp_path / "dvc"), hash_name="md5")
    assert name == build(odb, str(folder), localfs, "md5")[2].hash_info.value
    assert moved.objects == 5, "four contents and the list"


def test_a_folder_comes_back_in_place_of_what_was_there(far: Store, folder: Path, tmp_path: Path) -> None:
    name, _ = put_folder(folder, far)
    assert put_folder(folder, far) == (name, Moved())
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()
    get_folder(far, name, target)
    assert _contents(target) == _contents(folder)


def test_a_folder_of_links_is_read_only_and_takes_no_room(folder: Path, tmp_path: Path) -> None:
    cache = open_store(str(tmp_path / "cache"))
    name, _ = put_folder(folder, cache)
    get_folder(cache, name, tmp_path / "target", link=True)
    assert _contents(tmp_path / "target") == _contents(folder)
    there = (tmp_path / "target" / "Z").stat()
    assert there.st_nlink == 2 and there.st_mode & 0o222 == 0


@pytest.mark.parametrize("link", [False, True])
def test_a_damaged_object_leaves_the_folder_as_it_was_and_is_fetched_anew(
    folder: Path, tmp_path: Path, link: bool
) -> None:
    far, cache, target = open_store(str(tmp_path / "far")), open_store(str(tmp_path / "cache")), tmp_path / "target"
    name, _ = put_folder(folder, far)
    transfer(far, cache, [name])
    weights = cache.listing(name)["weights.safetensors"]
    flip(object_file(tmp_path / "cache", weights))
    target.mkdir()
    (target / "old").touch()

    with pytest.raises(DamagedError, match=weights):
        get_folder(cache, name, target, link)
    assert _contents(target) == {"old": b""}
    assert transfer(far, cache, [name]).objects == 1
    get_folder(cache, name, target, link)
    assert _contents(target) == _contents(folder)


def test_a_folder_that_is_not_there_is_told_and_nothing_is_made(far: Store, tmp_path: Path) -> None:
    with pytest.raises(AbsentError):
        get_folder(far, "0" * 32 + ".dir", tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("path", ["../escaped", "/tmp/escaped", "a/../../escaped"])
def test_a_list_of_files_that_leads_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    name = put_object(tmp_path / "store", b"an object")
    listing = put_object(tmp_path / "store", json.dumps([{"md5": name, "relpath": path}]).encode(), ".dir")
    with pytest.raises(DamagedError, match=f"object {listing}: .*no file of a folder"):
        get_folder(open_store(str(tmp_path / "store")), listing, tmp_path / "here" / "target")
    assert not list(tmp_path.rglob("escaped"))
