"""A workspace as a DVC repository: with git or without, whatever its images are called, whoever else works in it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from io import StringIO
from pathlib import Path

import pytest

from services.dvc import data, record, repository, staleness
from services.dvc.calls import DvcBusyError
from tests.helpers.shell_stages import A, B, command_line, make
from tocoad.data.naming import LONGEST_NAME, NAME_MAX
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("link", ["copy", "symlink"])
def test_every_name_that_is_accepted_goes_under_dvc_and_comes_back(workspace: Workspace, link: str) -> None:
    folder = workspace.root / "data" / "set" / "a" / ("T" * NAME_MAX)
    names = {
        "n" * (LONGEST_NAME - 4) + ".png",
        "[red]x.png",
        "a#b?c%20&<b>'\".png",
        "new\nline.png",
        ":smile: \u00fc.png",
    }
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    command_line(workspace, "config", "cache.type", link)
    data.track_dataset(workspace, "set")
    shutil.rmtree(workspace.root / "data" / "set")
    command_line(workspace, "checkout", "data/set.dvc")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {name: name for name in names}


@pytest.mark.parametrize("copied", [False, True])
def test_a_workspace_needs_no_git(recorded: Workspace, tmp_path: Path, copied: bool) -> None:
    """`copied`: from a checkout, with DVC's folder but without git's."""
    root = tmp_path / "without git"
    if copied:
        shutil.copytree(recorded.root, root, ignore=shutil.ignore_patterns(".git"))
        assert staleness.stale(Workspace(root), [*A, *B]) == set()
    else:
        root.mkdir()
        workspace = make(root)
        data.track_dataset(workspace, "set")
        assert staleness.stale(workspace, A) == set(A)


def test_a_data_set_that_was_never_added_has_no_version(workspace: Workspace) -> None:
    assert data.data_version(workspace, "other") is None


def test_a_taken_lock_is_waited_for_and_told_when_it_stays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with repository.opened(workspace):
            held.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(60)
        monkeypatch.setattr(repository, "_LOCK_SECONDS", 0.0)
        with pytest.raises(DvcBusyError, match="lock, and goes on: let it end"):
            staleness.stale(workspace, A)
        monkeypatch.setattr(repository, "_LOCK_SECONDS", 60.0)
        threading.Timer(4.0, release.set).start()
        started = time.monotonic()
        assert staleness.stale(workspace, A) == set(A)
        assert time.monotonic() - started > 3.5
    finally:
        release.set()
        holder.join()


@pytest.mark.parametrize("left", ["", '{"write": {"ROOT": {"pid": PID, "cmd": "tocoad"}}, "read": {}}'])
def test_what_a_killed_run_noted_of_paths_keeps_nobody_out(recorded: Workspace, left: str) -> None:
    """It was cut while it was written, by a full disk too, or another process has the number of the dead one."""
    file = recorded.root / ".dvc" / "tmp" / "tocoad" / "rwlock"
    file.write_text(left.replace("ROOT", str(recorded.root)).replace("PID", str(os.getppid())))
    assert staleness.is_clean(recorded, A + B)
    assert record.commit(recorded, A) == set()


def test_a_bar_of_dvcs_is_not_drawn_into_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc_data.hashfile._progress import QueryingProgress

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    assert [*QueryingProgress(range(3), name="cache")] == [0, 1, 2]
    assert terminal.getvalue() == ""
