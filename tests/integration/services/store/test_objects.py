"""What lies in a store, of whomever, with its size and since when."""

from __future__ import annotations

import os
import time
from pathlib import Path

from services.store.store import Store, open_store
from services.store.transfer import transfer
from tests.helpers.objects import object_file, put_folder


def test_all_objects_are_told_with_their_sizes_and_since_when_they_are_there(far: Store, tmp_path: Path) -> None:
    assert list(far.objects()) == []
    folder, names = put_folder(tmp_path / "here", 3)
    for name in names:
        os.utime(object_file(tmp_path / "here", name), (0, 0))
    transfer(open_store(str(tmp_path / "here")), far, [folder])

    found = {one.name: one for one in far.objects()}

    sizes = {name: object_file(tmp_path / "here", name).stat().st_size for name in [folder, *names]}
    assert {name: one.bytes for name, one in found.items()} == sizes
    assert all(one.changed is not None and abs(time.time() - one.changed) < 600 for one in found.values())


def test_an_object_is_as_old_as_its_entry_in_the_folder_not_as_the_image_it_is_a_link_to(tmp_path: Path) -> None:
    folder, names = put_folder(tmp_path / "here", 2)
    os.utime(object_file(tmp_path / "here", names[0]), (0, 0))
    changed = {one.name: one.changed or 0 for one in open_store(str(tmp_path / "here")).objects()}
    assert changed.keys() == {folder, *names} and time.time() - changed[names[0]] < 600


def test_what_is_no_object_is_not_told(tmp_path: Path) -> None:
    _, names = put_folder(tmp_path / "here", 1)
    beside = object_file(tmp_path / "here", names[0]).parent
    (beside / "half an upload.tmp").write_bytes(b"0")
    (beside / ("0" * 30)).mkdir(exist_ok=True)
    assert {one.name for one in open_store(str(tmp_path / "here")).objects()}.issuperset(names)
    assert len(list(open_store(str(tmp_path / "here")).objects())) == 2
