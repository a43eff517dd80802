"""Objects go into a store and come back, whatever kind of place it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.store.errors import AbsentError
from services.store.store import Store, open_store
from services.store.transfer import Moved, transfer
from tests.helpers.objects import object_file, put_folder, put_object

# Longer than a part of an upload.
_LARGE = 9 * 2**20


def test_a_folder_goes_into_a_store_and_comes_back_to_the_byte_by_its_hash_alone(far: Store, tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "here", 20)
    here, there = open_store(str(tmp_path / "here")), open_store(str(tmp_path / "there"))

    put = transfer(here, far, [folder])
    got = transfer(far, there, [folder])

    assert put == got and put.objects == 21 and put.bytes > 20 * 1000
    for name in [folder, *names]:
        ours, theirs = object_file(tmp_path / "here", name), object_file(tmp_path / "there", name)
        assert theirs.read_bytes() == ours.read_bytes()
        assert theirs.stat().st_mode & 0o777 == 0o444, "a link to it must not alter it"
    assert list(far.listing(folder).values()) == names


def test_what_is_there_is_not_moved_again(far: Store, tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "here", 5)
    here = open_store(str(tmp_path / "here"))
    transfer(here, far, names[:3])

    steps: list[tuple[int, int, int]] = []
    assert transfer(here, far, [folder], lambda *step: steps.append(step)).objects == 3
    assert [step[:2] for step in steps] == [(1, 3), (2, 3), (3, 3)] and steps[1][2] == 2000
    assert transfer(here, far, [folder]) == Moved()


def test_an_object_of_several_parts_comes_back_to_the_byte(far: Store, tmp_path: Path) -> None:
    content = bytes(range(256)) * (_LARGE // 256)
    names = [put_object(tmp_path / "here", content), put_object(tmp_path / "here", b"")]

    transfer(open_store(str(tmp_path / "here")), far, names)
    transfer(far, open_store(str(tmp_path / "there")), names)

    assert object_file(tmp_path / "there", names[0]).read_bytes() == content
    assert object_file(tmp_path / "there", names[1]).read_bytes() == b""


def test_what_is_missing_and_what_is_removed_is_told(far: Store, tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "here", 4)
    transfer(open_store(str(tmp_path / "here")), far, [folder])

    assert far.missing([folder, *names, "0" * 32]) == {"0" * 32}
    far.remove([folder, names[0], "0" * 32])
    assert far.missing([folder, *names]) == {folder, names[0]}
    with pytest.raises(AbsentError):
        far.listing(folder)


def test_the_check_of_a_sound_store_leaves_nothing_there(far: Store, tmp_path: Path) -> None:
    name = put_object(tmp_path / "here", b"an object")
    transfer(open_store(str(tmp_path / "here")), far, [name])
    far.check()
    assert far.missing([name]) == set()
