"""Folders for a while: gone after use, and gone with the next process where theirs was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tocoad.files.temporary import temporary_folder

_HOLD = """
import sys
from tocoad.files.temporary import temporary_folder
with temporary_folder("check") as folder:
    (folder / "package").write_text("much")
    print(folder, flush=True)
    sys.stdin.read()
"""


_REPLACE = """
from tocoad.files.replacing import replacing
from tocoad.files.temporary import temporary_folder
with temporary_folder("sample") as folder, replacing(folder / "images") as incoming:
    (incoming / "image").write_text("")
"""


def in_another_process(place: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(place)}
    return subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def folder_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_folder_is_its_own_and_gone_after_use_whatever_happened(tmp_path: Path) -> None:
    try:
        with temporary_folder("one") as one, temporary_folder("one") as other:
            (one / "file").write_text("")
            assert one != other and not any(other.iterdir())
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert not one.exists() and not other.exists()


def test_what_is_replaced_in_one_does_not_wait_for_the_folder_itself() -> None:
    subprocess.run([sys.executable, "-c", _REPLACE], check=True, timeout=60)


def test_what_a_killed_process_has_left_goes_with_the_next_and_what_is_in_use_stays(tmp_path: Path) -> None:
    anothers = tmp_path / "tocoad.txt"
    anothers.write_text("not a folder")
    with in_another_process(tmp_path) as killed, in_another_process(tmp_path) as living:
        left, used = folder_of(killed), folder_of(living)
        killed.kill()
        killed.wait()
        assert (left / "package").is_file()
        with in_another_process(tmp_path) as next_one:
            folder_of(next_one)
            assert not left.exists() and (used / "package").is_file() and anothers.is_file()
            next_one.communicate("")
        living.communicate("")
    assert [*tmp_path.iterdir()] == [anothers]
