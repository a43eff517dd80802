from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.disks import small_disk
from tocoad.errors import StageError
from tocoad.evaluation.map_store import MapStore
from tocoad.files.scratch import scratch_array


def test_it_holds_what_is_written_and_leaves_no_name(tmp_path: Path) -> None:
    array = scratch_array((3, 2), np.dtype(np.int32), tmp_path, "train", "train on fewer images")
    array[:] = [[1, 2], [3, 4], [5, 6]]
    assert array.sum() == 21 and not list(tmp_path.iterdir())


def test_a_disk_that_is_really_full_is_one_line_and_not_a_bus_error(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(StageError, match=rf"^evaluating 20 images needs 5 MiB in {disk}: No space left on device"):
            MapStore(20, 256, disk)
        MapStore(2, 256, disk).put(1, np.ones((256, 256), np.float32))
        assert not list(disk.iterdir())


def test_a_full_disk_is_one_line_that_names_the_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StageError, match=r"^train needs 512 MiB in .*: No space left on device; make room or stop$"):
        scratch_array((2**29,), np.dtype(np.uint8), tmp_path, "train", "stop")
