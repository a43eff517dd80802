"""Whatever of the workspace, of git's files or of DVC's own is not what it should be: one line that names it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from services.dvc import data, record, staleness
from services.dvc.calls import DvcBusyError, DvcError, told
from tests.helpers.project import PROJECT, project_workspace
from tocoad.errors import TocoadError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import save_plan
from tocoad.settings.plan import Plan

pytestmark = pytest.mark.integration

STAGE = "manifest@set/part"
GARBAGE = b"\x00\xff{garbage: ]["


@pytest.fixture
def tracked(tmp_path: Path) -> Workspace:
    """A data set under DVC and git, and the output of its first stage."""
    shutil.copy(PROJECT / "dvc.yaml", tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    workspace = project_workspace(tmp_path)
    save_plan(workspace, Plan().with_categories([Category("set", "part")], "patchcore"))
    image = tmp_path / "data/set/part/train/good/0.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(os.urandom(50))
    data.track_dataset(workspace, "set")
    output = tmp_path / "work/set/part/manifest"
    output.mkdir(parents=True)
    for name in ("train", "test"):
        (output / f"{name}.json").write_text("{}")
    return workspace


def every_call(workspace: Workspace) -> list[Callable[[], object]]:
    return [
        lambda: data.track_dataset(workspace, "set"),
        lambda: data.data_version(workspace, "set"),
        lambda: data.cache_dir(workspace),
        lambda: data.follow_links(workspace),
        lambda: staleness.stale(workspace, [STAGE]),
        lambda: staleness.sources(workspace, [STAGE]),
        lambda: record.commit(workspace, [STAGE]),
    ]


def to_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("")


def to_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "x").mkdir(parents=True)


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "git's index": (lambda root: (root / ".git/index").write_bytes(GARBAGE), "stumbles over a file of .git"),
    "git's config": (lambda root: (root / ".git/config").write_bytes(GARBAGE), "stumbles over a file of .git"),
    "no .git in .git": (lambda root: (shutil.rmtree(root / ".git"), (root / ".git").mkdir()), "not a git repository"),
    "DVC's config": (lambda root: (root / ".dvc/config").write_bytes(GARBAGE), "config file error"),
    "DVC's folder": (lambda root: to_file(root / ".dvc/tmp"), ".dvc/tmp: DVC cannot use it (File exists)"),
    "DVC's cache": (lambda root: to_file(root / ".dvc/cache"), ".dvc/cache"),
    "no such cache": (
        lambda root: (root / ".dvc/config.local").write_text("[cache]\n    dir = /proc/nowhere\n"),
        "/proc/nowhere: DVC cannot use it",
    ),
    "what DVC leaves out": (lambda root: (root / ".dvcignore").write_bytes(GARBAGE), ".dvcignore"),
    "the graph": (lambda root: (root / "dvc.yaml").write_bytes(GARBAGE), "dvc.yaml"),
    "the record": (lambda root: to_folder(root / "dvc.lock"), "dvc.lock"),
    "the settings": (lambda root: to_folder(root / "params.yaml"), "params.yaml"),
    "the data file": (lambda root: to_folder(root / "data/set.dvc"), "set.dvc"),
    "a link to nowhere": (
        lambda root: (root / "data/set/part/train/good/1.png").symlink_to("/nowhere"),
        "DVC cannot use it (No such file or directory): mend or remove it",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_every_call_on_a_damaged_workspace_is_done_or_one_line_that_names_the_damage(
    harm: str, tracked: Workspace
) -> None:
    damage, said = HARMS[harm]
    damage(tracked.root)
    lines = []
    for call in every_call(tracked):
        try:
            call()
        except TocoadError as error:
            lines.append(str(error))
    assert any(said in line for line in lines), lines
    assert not any("\n" in line for line in lines), lines


def test_a_database_that_another_holds_may_pass(tmp_path: Path) -> None:
    import sqlite3

    first, second = (sqlite3.connect(tmp_path / "hashes.db", timeout=0) for _ in range(2))
    first.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DvcBusyError, match="another process holds DVC's database of hashes"), told(tmp_path):
        second.execute("CREATE TABLE hashes (name)")
    first.close()
    second.close()


def test_what_another_user_has_is_not_to_be_mended(tmp_path: Path) -> None:
    lock = str(tmp_path / ".dvc/tmp/lock")
    said = re.escape(f"{lock}: DVC cannot use it (Permission denied): give this user the right to it")
    with pytest.raises(DvcError, match=said), told(tmp_path):
        raise PermissionError(13, "Permission denied", lock)
