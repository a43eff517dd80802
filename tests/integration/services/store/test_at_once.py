"""Several at once, one that dies, a disk that fills and a file that changes: what a store holds is whole and sound."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from services.store.errors import StoreError
from services.store.store import open_store
from services.store.transfer import transfer
from tests.helpers.disks import files_up_to, small_disk
from tests.helpers.objects import object_file, put_folder, put_object
from tests.helpers.processes import wait_until
from tests.helpers.s3_servers import S3Server
from tocoad.errors import StageError

_FETCH = """
import sys
from services.store.store import open_store
from services.store.transfer import transfer
source, target, name = sys.argv[1:]
transfer(open_store(source), open_store(target), [name])
"""


def _fetching(source: Path, target: Path, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _FETCH, str(source), str(target), name], stderr=subprocess.PIPE)


def _left(cache: Path) -> list[Path]:
    return list(cache.rglob(".incoming-*"))


def test_four_processes_fetch_into_one_cache_at_once(tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "far", 60, size=300_000)
    cache = open_store(str(tmp_path / "cache"))
    processes = [_fetching(tmp_path / "far", tmp_path / "cache", folder) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 4
    assert cache.missing([folder, *names]) == set() == cache.damaged([folder, *names])
    assert not _left(tmp_path / "cache")


def test_what_a_killed_process_left_is_cleared_by_the_next_which_goes_on(tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "far", 200, size=1_000_000)
    cache = open_store(str(tmp_path / "cache"))
    process = _fetching(tmp_path / "far", tmp_path / "cache", folder)
    wait_until("a first object", lambda: len(cache.missing(names)) < len(names), 60, pause=0.01)
    process.kill()
    process.communicate()
    came = set(names) - cache.missing(names)
    assert 0 < len(came) < len(names) and cache.missing([folder]) and cache.damaged(came) == set()
    assert _left(tmp_path / "cache")

    assert transfer(open_store(str(tmp_path / "far")), cache, [folder]).objects == len(names) + 1 - len(came)
    assert cache.damaged([folder, *names]) == set() and not _left(tmp_path / "cache")


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_disk_that_is_full_here_is_told_and_the_next_run_goes_on(s3: S3Server, tmp_path: Path, kind: str) -> None:
    far = open_store(f"{s3.url}/{tmp_path.name}" if kind == "bucket" else str(tmp_path / "far"))
    folder, names = put_folder(tmp_path / "here", 4, size=1000)
    large = put_object(tmp_path / "here", bytes(300_000))
    transfer(open_store(str(tmp_path / "here")), far, [folder, large])

    there = open_store(str(tmp_path / "there"))
    with files_up_to(100_000), pytest.raises(StageError, match=f"{tmp_path / 'there'}.*: no room on its disk"):
        transfer(far, there, [folder, large])
    assert large in there.missing([large]) and not _left(tmp_path / "there")

    transfer(far, there, [folder, large])
    assert there.damaged([folder, large, *names]) == set()


def test_a_file_system_without_room_holds_what_came_whole_before(tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "far", 10, size=200_000)
    with small_disk(tmp_path / "small", "1m") as disk:
        there = open_store(str(disk / "cache"))
        with pytest.raises(StageError, match="no room on its disk"):
            transfer(open_store(str(tmp_path / "far")), there, [folder])
        came = {folder, *names} - there.missing([folder, *names])
        assert came and folder not in came and there.damaged(came) == set() and not _left(disk)


def test_a_file_that_changes_while_it_is_put_never_poisons_the_store(s3: S3Server, tmp_path: Path) -> None:
    content = bytes(9 * 2**20)
    name = put_object(tmp_path / "here", content)
    file, ended = object_file(tmp_path / "here", name), threading.Event()

    def write() -> None:
        with file.open("r+b") as stream:
            while not ended.is_set():
                for place in range(0, len(content), 2**20):
                    stream.seek(place)
                    stream.write(b"1" if place % 2 else b"2")
                stream.flush()

    writer = threading.Thread(target=write)
    far, here = open_store(f"{s3.url}/{tmp_path.name}"), open_store(str(tmp_path / "here"))
    writer.start()
    try:
        with pytest.raises(StoreError, match=f"object {name} is"):
            transfer(here, far, [name])
    finally:
        ended.set()
        writer.join()
    assert far.missing([name]) == {name}

    assert put_object(tmp_path / "here", content) == name
    transfer(here, far, [name])
    assert far.damaged([name]) == set()


def test_a_cache_that_a_group_shares_stays_open_to_the_group(tmp_path: Path) -> None:
    objects = tmp_path / "cache" / "files" / "md5"
    objects.mkdir(parents=True)
    objects.chmod(0o2775)
    name = put_object(tmp_path / "far", b"an object")
    transfer(open_store(str(tmp_path / "far")), open_store(str(tmp_path / "cache")), [name])
    assert (objects / name[:2]).stat().st_mode & 0o7777 == 0o2775


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    name = put_object(tmp_path / "far", b"an object")
    with pytest.raises(StoreError, match=f"{tmp_path / 'cache'}.*: the store cannot be used .*name another"):
        transfer(open_store(str(tmp_path / "far")), open_store(str(tmp_path / "cache")), [name])


def test_an_object_without_a_byte_is_what_a_power_cut_left_and_no_object(tmp_path: Path) -> None:
    name = put_object(tmp_path / "far", b"an object")
    empty = put_object(tmp_path / "far", b"")
    cut = object_file(tmp_path / "cache", name)
    cut.parent.mkdir(parents=True)
    cut.touch()
    cache = open_store(str(tmp_path / "cache"))
    assert transfer(open_store(str(tmp_path / "far")), cache, [name, empty]).objects == 2
    assert cut.read_bytes() == b"an object"


def test_a_store_that_is_only_read_is_not_written(tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "far", 2)
    far = open_store(str(tmp_path / "far"))
    before = sorted((tmp_path / "far").rglob("*"))
    assert list(far.listing(folder).values()) == names and far.damaged(names) == set()
    transfer(far, open_store(str(tmp_path / "there")), [folder])
    assert open_store(str(tmp_path / "nowhere")).missing(names) == set(names)
    assert sorted((tmp_path / "far").rglob("*")) == before and not (tmp_path / "nowhere").exists()
