"""A disk that has no room for DVC's files: one line, and what was recorded before stays."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.dvc import data, record
from services.dvc.calls import DvcError
from tests.helpers.disks import small_disk
from tests.helpers.shell_stages import A, B, command_line, make, produce
from tocoad.errors import StageError
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """As `recorded`, on a disk of 3 MB."""
    with small_disk(tmp_path / "disk", "3m") as disk:
        workspace = make(disk / "workspace")
        subprocess.run(["git", "init", "-q", str(workspace.root)], check=True)
        monkeypatch.chdir(tmp_path)
        data.track_dataset(workspace, "set")
        produce(workspace, "a", "b")
        record.commit(workspace, [*A, *B])
        yield workspace


LARGE = bytes(range(256)) * 6400  # more than half of the disk


def test_images_that_dvc_s_cache_has_no_room_for_are_no_new_version(small: Workspace) -> None:
    image = small.root / "data/set/a/2.png"
    image.write_bytes(LARGE)
    with pytest.raises(DvcError, match=r"1 files of set could not be copied there: make room, then run the same again"):
        data.track_dataset(small, "set")
    assert not list((small.root / ".dvc/cache").rglob(".*.tmp"))
    image.write_bytes(LARGE[:1000])
    data.track_dataset(small, "set")
    assert "changed" not in command_line(small, "status", "data/set.dvc")


def test_a_record_that_finds_no_room_is_one_line_and_the_earlier_one_stays(small: Workspace) -> None:
    lock = (small.root / "dvc.lock").read_bytes()
    (small.root / "work/set/a/train/weights").write_bytes(LARGE)
    with pytest.raises(StageError, match=r"no room on its disk \(No space left on device\); make room") as caught:
        record.commit(small, A)
    assert "\n" not in str(caught.value)
    assert (small.root / "dvc.lock").read_bytes() == lock
