"""A holder lives exactly as long as its process, whatever ends that."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.holders import forget_long_dead, holders, own_tag

# It starts a program of its own, which outlives it and must not keep it alive.
HOLDER = """
import subprocess, sys, time
from pathlib import Path
from typing import Any
from services.holders import own_tag
tag = own_tag(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
print(tag, child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a process that holds something in `tmp_path`; gives it and its tag."""
    processes, children = [], []

    def start() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        tag, child = process.stdout.readline().split()
        processes.append(process)
        children.append(int(child))
        return process, tag

    yield start
    for process in processes:
        process.kill()
        process.communicate()
    for child in children:
        os.kill(child, signal.SIGKILL)


def test_a_holder_is_dead_once_its_process_was_killed_and_not_before(tmp_path: Path, start: Callable[..., Any]) -> None:
    killed, one = start()
    _, other = start()
    assert holders(tmp_path) == {one: True, other: True}
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    assert holders(tmp_path) == {one: False, other: True}


def test_a_process_has_one_tag_in_a_workspace_and_another_in_another(tmp_path: Path) -> None:
    tag = own_tag(tmp_path / "here")
    assert tag is not None and own_tag(tmp_path / "here") == tag
    assert own_tag(tmp_path / "there") not in (tag, None)
    assert holders(tmp_path / "here") == {tag: True}


def test_a_copy_of_a_workspace_says_nothing_of_the_holders_of_the_first(tmp_path: Path) -> None:
    tag = own_tag(tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    (copied,) = holders(tmp_path / "copy").items()
    assert copied[0] != tag


def test_a_renamed_workspace_keeps_its_holders(tmp_path: Path) -> None:
    tag = own_tag(tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "second")
    assert holders(tmp_path / "second") == {tag: True}


def test_dead_holders_are_remembered_for_a_week(tmp_path: Path, start: Callable[..., Any]) -> None:
    (living, old), (killed, dead) = start(), start()
    killed.kill()
    killed_again, recent = start()
    killed_again.kill()
    for process in (killed, killed_again):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    for tag in (old, dead):
        file = tmp_path / "owners" / tag.split("-")[1]
        os.utime(file, (time.time() - 8 * 24 * 3600,) * 2)
    forget_long_dead(tmp_path)
    assert holders(tmp_path) == {old: True, recent: False}
    assert living.poll() is None


def test_where_nothing_can_be_written_there_is_no_holder(tmp_path: Path) -> None:
    (tmp_path / "owners").write_text("a file in its place")
    assert own_tag(tmp_path) is None


def test_nothing_is_known_of_a_workspace_that_held_nothing(tmp_path: Path) -> None:
    assert holders(tmp_path) == {}
