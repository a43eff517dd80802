from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.helpers.disks import files_up_to, small_disk
from tocoad.errors import StageError
from tocoad.files.replacing import recover, replacing, write_whole

EVENTS: list[str] = []


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`sync NAME` and `rename NAME` as the system is asked for them; a folder's name ends with a slash."""

    def fsync(descriptor: int, real: Any = os.fsync) -> None:
        real(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        EVENTS.append(f"sync {name}{'/' * stat.S_ISDIR(os.fstat(descriptor).st_mode)}")

    monkeypatch.setattr(os, "fsync", fsync)
    EVENTS.clear()
    return EVENTS


def listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "os.rename":
        EVENTS.append(f"rename {Path(arguments[1]).name}")


sys.addaudithook(listen)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "set"
    with replacing(target) as folder:
        (folder / "a").touch()
        assert not target.exists()
    assert names(target) == ["a"]
    assert names(target.parent) == ["set"]


def test_earlier_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "set"
    for name in ("a", "b"):
        with replacing(target) as folder:
            (folder / name).touch()
    assert names(target) == ["b"]
    assert names(tmp_path) == ["set"]


def test_failure_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "set"
    target.mkdir()
    (target / "a").touch()
    with pytest.raises(KeyboardInterrupt), replacing(target) as folder:
        (folder / "b").touch()
        raise KeyboardInterrupt
    assert names(target) == ["a"]
    assert names(tmp_path) == ["set"]


def test_failing_last_rename_puts_the_earlier_folder_back(tmp_path: Path) -> None:
    target = tmp_path / "set"
    target.mkdir()
    (target / "a").touch()
    with pytest.raises(FileNotFoundError), replacing(target) as folder:
        folder.rmdir()
    assert names(target) == ["a"]
    assert names(tmp_path) == ["set"]


def test_what_a_killed_process_left_is_put_right(tmp_path: Path) -> None:
    target = tmp_path / "set"
    (tmp_path / ".set.previous").mkdir()
    (tmp_path / ".set.previous" / "a").touch()
    (tmp_path / ".set.incoming-0123").mkdir()
    with pytest.raises(ZeroDivisionError), replacing(target):
        raise ZeroDivisionError
    assert names(target) == ["a"]
    assert names(tmp_path) == ["set"]


# Replaces a folder for as long as it is let live; it tells when it has begun, and goes on when it is told to.
WRITER = """
import sys
from pathlib import Path
from tocoad.files.replacing import replacing
with replacing(Path(sys.argv[1])) as folder:
    (folder / "a").touch()
    print("began", flush=True)
    sys.stdin.readline()
"""


def writer(target: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "began\n"
    return process


def test_two_processes_that_replace_a_folder_at_once_both_end_well_and_the_last_wins(tmp_path: Path) -> None:
    first = writer(tmp_path / "set")
    with replacing(tmp_path / "set") as folder:
        (folder / "b").touch()
    assert names(tmp_path / "set") == ["b"]
    _, errors = first.communicate("on\n")
    assert (first.returncode, errors) == (0, None)
    assert names(tmp_path / "set") == ["a"]
    assert names(tmp_path) == ["set"]


def test_what_is_tidied_up_is_what_the_dead_left_and_never_what_another_still_writes(tmp_path: Path) -> None:
    killed, living = writer(tmp_path / "set"), writer(tmp_path / "set")
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    recover(tmp_path / "set")
    (left,) = tmp_path.iterdir()
    assert names(left) == ["a"]
    living.communicate("on\n")
    killed.communicate()
    assert names(tmp_path) == ["set"]


def test_a_folder_does_not_take_its_place_where_that_is_not_allowed(tmp_path: Path) -> None:
    @contextmanager
    def refused() -> Iterator[None]:
        raise StageError("not now")
        yield

    with pytest.raises(StageError, match="not now"), replacing(tmp_path / "set", refused()) as folder:
        (folder / "a").touch()
    assert names(tmp_path) == []


def test_a_killed_process_can_be_put_right_before_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / ".set.previous").mkdir()
    (tmp_path / ".set.previous" / "a").touch()
    recover(tmp_path / "set")
    assert names(tmp_path / "set") == ["a"]


def test_all_of_a_folder_is_on_the_disk_before_it_takes_its_name_and_the_name_after(
    tmp_path: Path, events: list[str]
) -> None:
    for _ in range(2):
        events.clear()
        with replacing(tmp_path / "set") as folder:
            (folder / "deep").mkdir()
            (folder / "deep/a").write_text("a")
            (folder / "b").write_text("b")
    before, after = events[:4], events[4:]
    assert sorted(name for name in before if "incoming" not in name) == ["sync a", "sync b", "sync deep/"]
    assert after == ["rename .set.previous", "rename set", f"sync {tmp_path.name}/"]


def test_a_file_is_on_the_disk_before_it_takes_its_name_and_the_name_after(tmp_path: Path, events: list[str]) -> None:
    write_whole(tmp_path / "a", b"one")
    written, *after = events
    assert written.startswith("sync .incoming-")
    assert after == ["rename a", f"sync {tmp_path.name}/"]
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_file_of_the_longest_name_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 255)
    for content in (b"one", b"two"):
        write_whole(file, content)
    assert file.read_bytes() == b"two"
    assert names(tmp_path) == [file.name]


def test_a_file_that_finds_no_room_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_whole(file, b"one")
    with (
        files_up_to(1000),
        pytest.raises(
            StageError, match=r"^\S*/a: no room on its disk \(File too large\); make room, then run the same again$"
        ),
    ):
        write_whole(file, bytes(2000))
    assert file.read_bytes() == b"one"
    assert names(tmp_path) == ["a"]


NOISE = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda folder: (folder / "a").write_bytes(NOISE.tobytes()), id="python"),
        pytest.param(lambda folder: np.save(folder / "a.npy", NOISE), id="numpy"),
        pytest.param(lambda folder: Image.fromarray(NOISE).save(folder / "a.png"), id="Pillow"),
        pytest.param(lambda folder: save_file({"a": torch.from_numpy(NOISE)}, folder / "a"), id="safetensors"),
    ],
)
def test_a_full_disk_is_one_line_whoever_met_it_and_the_earlier_folder_stays(tmp_path: Path, write: Any) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        target = disk / "set"
        with replacing(target) as folder:
            (folder / "a").touch()
        with pytest.raises(StageError) as caught, replacing(target) as folder:
            write(folder)
        assert "no room on its disk (" in str(caught.value)
        assert str(caught.value).startswith(str(disk))
        assert "\n" not in str(caught.value)
        assert names(disk) == ["set"]
        assert names(target) == ["a"]


def test_what_has_another_reason_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "set") as folder:
        (folder / "none/a").write_text("")
