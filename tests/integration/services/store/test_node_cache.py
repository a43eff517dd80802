"""A node's cache: shared, bounded, and healed from the far store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.store.errors import StoreError
from services.store.node_cache import NodeCache
from services.store.store import Store, open_store
from services.store.transfer import Moved
from tests.helpers.disks import files_up_to, small_disk
from tests.helpers.objects import flip, object_file, put_folder, put_object
from tocoad.errors import StageError

LARGE = 10**9

_WORK = """
import random, shutil, sys
from pathlib import Path
from services.store.node_cache import NodeCache
from services.store.store import open_store
from tocoad.files.fingerprint import folder_digest
far, cache, limit, seed, *names = sys.argv[1:]
far, cache, rng = open_store(far), NodeCache(Path(cache), int(limit)), random.Random(int(seed))
mine = Path(sys.argv[2]).with_name(f"job-{seed}")
sound = {name: folder_digest(Path(sys.argv[1]) / "folders" / name) for name in names}
for _ in range(12):
    name = rng.choice(names)
    cache.fetch(far, [name])
    cache.place(far, name, mine / "in")
    assert folder_digest(mine / "in") == sound[name]
    shutil.rmtree(mine / "in")
    cache.shrink()
"""


@pytest.fixture
def far(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "far"))


def _contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()]


def _bytes_in(cache: Path) -> int:
    return sum(one.bytes for one in open_store(str(cache)).objects())


def test_what_one_job_fetched_or_made_the_next_has_at_once_as_links(tmp_path: Path, far: Store) -> None:
    name, _ = put_folder(tmp_path / "far", 5)
    cache = NodeCache(tmp_path / "cache", LARGE)
    assert cache.fetch(far, [name]).objects == 6
    assert cache.place(far, name, tmp_path / "in") == Moved()
    there = next((tmp_path / "in").rglob("0.png")).stat()
    assert (there.st_nlink, there.st_mode & 0o222) == (2, 0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights").write_bytes(b"weights")
    made, moved = cache.put(tmp_path / "out", far)
    assert moved.objects == 2
    assert NodeCache(tmp_path / "cache", LARGE).fetch(far, [name, made]) == Moved()


def test_four_processes_share_a_cache_though_it_is_too_small_for_one_of_their_folders(
    tmp_path: Path, far: Store
) -> None:
    names = [put_folder(tmp_path / "far", 20, 20_000, seed)[0] for seed in range(4)]
    for name in names:
        NodeCache(tmp_path / "whole", LARGE).place(far, name, tmp_path / "far" / "folders" / name)
    limits = [LARGE, LARGE, 900_000, 100_000]
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                _WORK,
                str(tmp_path / "far"),
                str(tmp_path / "cache"),
                str(limit),
                str(seed),
                *names,
            ],
            stderr=subprocess.PIPE,
        )
        for seed, limit in enumerate(limits)
    ]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 4
    assert not list((tmp_path / "cache" / "uses").iterdir())
    NodeCache(tmp_path / "cache", 900_000).shrink()
    assert _bytes_in(tmp_path / "cache") <= 900_000


def test_what_was_not_used_for_longest_goes_first_and_nothing_that_a_job_has_linked(tmp_path: Path, far: Store) -> None:
    folders = [put_folder(tmp_path / "far", 4, 10_000, seed) for seed in range(4)]
    first, second, third, fourth = (name for name, _ in folders)
    cache, here = NodeCache(tmp_path / "cache", 135_000), open_store(str(tmp_path / "cache"))
    cache.place(far, first, tmp_path / "in")
    for name in (second, third):
        cache.fetch(far, [name])
    cache.place(far, second, tmp_path / "used again")
    shutil.rmtree(tmp_path / "used again")
    cache.fetch(far, [fourth])
    assert [len(here.missing(files)) for _, files in folders] == [0, 0, 3, 0]
    NodeCache(tmp_path / "cache", 0).fetch(far, [third])
    assert [len(here.missing(files)) for _, files in folders] == [0, 4, 0, 4]
    assert len(_contents(tmp_path / "in")) == 4
    shutil.rmtree(tmp_path / "in")
    NodeCache(tmp_path / "cache", 0).shrink()
    assert _bytes_in(tmp_path / "cache") == 0


@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "removed", "listing", "all"])
def test_damage_is_healed_by_new_files_and_other_jobs_keep_theirs(tmp_path: Path, far: Store, damage: str) -> None:
    name, files = put_folder(tmp_path / "far", 5)
    cache = NodeCache(tmp_path / "cache", LARGE)
    cache.place(far, name, tmp_path / "one")
    objects = {name: object_file(tmp_path / "cache", name) for name in (*files, name)}
    file = objects[name if damage == "listing" else files[0]]
    inode = file.stat().st_ino
    match damage:
        case "truncated" | "emptied":
            os.truncate(file, 500 if damage == "truncated" else 0)
        case "removed":
            file.unlink()
        case "all":
            for file in objects.values():
                flip(file)
        case _:
            flip(file)
    moved = cache.place(far, name, tmp_path / "two")
    assert moved.objects == (6 if damage == "all" else 1)
    assert _contents(tmp_path / "two") == [object_file(tmp_path / "far", name).read_bytes() for name in files]
    assert file.stat().st_ino != inode and not (tmp_path / "cache" / "files" / "damaged").exists()
    assert cache.place(far, name, tmp_path / "three") == Moved()


def test_what_is_damaged_in_both_stores_is_told_and_nothing_is_placed(tmp_path: Path, far: Store) -> None:
    name, files = put_folder(tmp_path / "far", 5)
    flip(object_file(tmp_path / "far", files[0]))
    with pytest.raises(StoreError, match=f"object {files[0]} is damaged"):
        NodeCache(tmp_path / "cache", LARGE).place(far, name, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_folder_that_nobody_has_is_told_with_the_way_out(tmp_path: Path, far: Store) -> None:
    with pytest.raises(StoreError, match=f"object {'0' * 32}.dir is not there.*push, or dvc commit, again"):
        NodeCache(tmp_path / "cache", LARGE).fetch(far, ["0" * 32 + ".dir"])


def test_a_full_disk_is_one_line_and_the_output_is_in_the_far_store_all_the_same(tmp_path: Path, far: Store) -> None:
    name, _ = put_folder(tmp_path / "far", 10, size=200_000)
    with small_disk(tmp_path / "node", "1m") as disk:
        cache = NodeCache(disk / "cache", LARGE)
        with pytest.raises(StageError, match=f"{disk}.*: no room on its disk"):
            cache.fetch(far, [name])
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "maps").write_bytes(bytes(1_100_000))
        made, _ = cache.put(tmp_path / "made", far)
    assert not far.missing([made])


def test_on_a_disk_that_is_smaller_than_the_limit_what_nobody_needs_goes_first(tmp_path: Path, far: Store) -> None:
    names = [put_folder(tmp_path / "far", 6, 100_000, seed)[0] for seed in range(2)]
    with small_disk(tmp_path / "node", "1m") as disk:
        cache = NodeCache(disk / "cache", LARGE)
        for name in names:
            assert cache.fetch(far, [name]).objects
            cache.place(far, name, disk / "in" / name)
            shutil.rmtree(disk / "in")


def test_a_quota_is_told_alike(tmp_path: Path, far: Store) -> None:
    large = put_object(tmp_path / "far", bytes(300_000))
    with files_up_to(100_000), pytest.raises(StageError, match="no room on its disk"):
        NodeCache(tmp_path / "cache", LARGE).fetch(far, [large])


def test_a_folder_that_cannot_be_a_cache_is_named_with_the_setting(tmp_path: Path, far: Store) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StoreError, match=f"{tmp_path / 'cache'}.*ray.node_cache"):
        NodeCache(tmp_path / "cache", LARGE).fetch(far, ["0" * 32])
