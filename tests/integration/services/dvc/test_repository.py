"""The record of what is up to date, on a real DVC repository with stages that a shell can do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data, record, repository, staleness
from services.dvc.calls import DvcBusyError, DvcError
from tests.helpers.damage import damages
from tests.helpers.disks import small_disk
from tocoad.data.naming import LONGEST_NAME, NAME_MAX
from tocoad.errors import StageError
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

GRAPH = """
stages:
  manifest:
    matrix: {category: "${plan}"}
    cmd: mkdir -p work/${item.category} && ls data/${item.category} > work/${item.category}/manifest
    deps: ["data/${item.category}"]
    params: [split]
    outs: ["work/${item.category}/manifest"]
  train:
    matrix: {category: "${plan}"}
    cmd: cd work/${item.category} && mkdir -p train && cat manifest > train/weights
    deps: ["work/${item.category}/manifest"]
    params: [train]
    outs: ["work/${item.category}/train"]
"""
PARAMS = "plan: [set/a, set/b]\nsplit: {seed: 1}\ntrain: {lr: 0.1}\n"
A, B = ["manifest@set/a", "train@set/a"], ["manifest@set/b", "train@set/b"]


def make(root: Path) -> Workspace:
    for category in ("a", "b"):
        folder = root / "data" / "set" / category
        folder.mkdir(parents=True)
        (folder / "1.png").write_text(category)
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "params.yaml").write_text(PARAMS)
    return Workspace(root)


def produce(workspace: Workspace, *categories: str) -> None:
    """What the stages' commands write, written by another."""
    for category in categories:
        folder = workspace.root / "work" / "set" / category
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "train").mkdir(parents=True)
        images = (workspace.root / "data" / "set" / category).iterdir()
        text = "".join(f"{name}\n" for name in sorted(image.name for image in images))
        (folder / "manifest").write_text(text)
        (folder / "train" / "weights").write_text(text)


def command_line(workspace: Workspace, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=workspace.root,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )
    return done.stdout


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A data set under DVC in a git checkout; the process stands elsewhere."""
    root = tmp_path / "a workspace"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    workspace = make(root)
    monkeypatch.chdir(tmp_path)
    data.track_dataset(workspace, "set")
    return workspace


@pytest.fixture
def recorded(workspace: Workspace) -> Workspace:
    """The same, with everything made and recorded."""
    produce(workspace, "a", "b")
    record.commit(workspace, [*A, *B])
    return workspace


def test_what_another_made_is_recorded_as_if_dvc_had_run_it(workspace: Workspace) -> None:
    assert staleness.stale(workspace, [*A, *B]) == {*A, *B}
    produce(workspace, "a", "b")
    assert record.commit(workspace, [*A, *B]) == set()
    assert staleness.is_clean(workspace, [*A, *B])
    before = (workspace.root / "dvc.lock").read_bytes()
    assert "up to date" in command_line(workspace, "status")
    assert "Running stage" not in command_line(workspace, "repro")
    assert (workspace.root / "dvc.lock").read_bytes() == before


def test_what_dvc_has_run_is_not_stale(workspace: Workspace) -> None:
    command_line(workspace, "repro")
    assert staleness.stale(workspace, [*A, *B]) == set()


def test_a_commit_records_the_named_stages_and_no_other(workspace: Workspace) -> None:
    produce(workspace, "a", "b")
    record.commit(workspace, A)
    assert staleness.stale(workspace, [*A, *B]) == set(B)


def test_a_new_image_makes_its_own_category_stale_and_changes_the_data_version(recorded: Workspace) -> None:
    old = data.data_version(recorded, "set")
    (recorded.root / "data" / "set" / "a" / "2.png").write_text("new")
    assert data.track_dataset(recorded, "set") == data.data_version(recorded, "set") != old
    assert staleness.stale(recorded, [*A, *B]) == {"manifest@set/a"}


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


def test_a_setting_makes_the_stages_that_read_it_stale(recorded: Workspace) -> None:
    recorded.params_file.write_text(PARAMS.replace("0.1", "0.2"))
    assert staleness.stale(recorded, [*A, *B]) == {"train@set/a", "train@set/b"}


def test_an_output_that_someone_touched_makes_its_stage_stale(recorded: Workspace) -> None:
    (recorded.root / "work" / "set" / "b" / "train" / "weights").write_text("other")
    assert staleness.stale(recorded, [*A, *B]) == {"train@set/b"}


def test_a_change_made_while_the_stages_ran_is_not_recorded_as_done(workspace: Workspace) -> None:
    before = staleness.sources(workspace, [*A, *B])
    produce(workspace, "a", "b")
    workspace.params_file.write_text(PARAMS.replace("0.1", "0.2"))
    (workspace.root / "data" / "set" / "b" / "2.png").write_text("new")
    changed = {"train@set/a", *B}
    assert record.commit(workspace, [*A, *B], before) == changed
    assert staleness.stale(workspace, [*A, *B]) == changed


def test_outputs_of_other_stages_are_no_sources(workspace: Workspace) -> None:
    produce(workspace, "a")
    before = staleness.sources(workspace, A)
    (workspace.root / "work" / "set" / "a" / "manifest").write_text("another manifest")
    assert staleness.sources(workspace, A) == before


def test_a_missing_output_is_an_error_and_nothing_is_recorded(recorded: Workspace) -> None:
    before = (recorded.root / "dvc.lock").read_bytes()
    recorded.params_file.write_text(PARAMS.replace("1}", "2}"))
    (recorded.root / "work" / "set" / "b" / "manifest").unlink()
    with pytest.raises(DvcError, match="manifest"):
        record.commit(recorded, [*A, *B])
    assert (recorded.root / "dvc.lock").read_bytes() == before


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stages:\n  a: [b\n", "corrupted"),
        ("stages:\n  a: {command: b}\n", "validation failed"),
        (GRAPH.replace("${plan}", "${nothing}"), "nothing"),
        ("stages: {}\n", "no stage 'manifest@set/a'"),
        (None, "missing"),
    ],
)
def test_a_broken_graph_is_told_in_one_line(workspace: Workspace, text: str | None, reason: str) -> None:
    file = workspace.root / "dvc.yaml"
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(DvcError) as caught:
        staleness.stale(workspace, A)
    message = str(caught.value)
    assert reason in message and "dvc.yaml" in message and "\n" not in message


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


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_outputs_that_dvc_has_linked_to_its_cache_are_recorded_and_replaced(
    workspace: Workspace, tmp_path: Path, kind: str
) -> None:
    for name, value in (("cache.type", kind), ("cache.dir", str(tmp_path / "big disk"))):
        command_line(workspace, "config", "--local", name, value)
    produce(workspace, "a", "b")
    record.commit(workspace, [*A, *B])
    weights = workspace.root / "work/set/a/train/weights"
    assert weights.is_symlink() if kind == "symlink" else weights.stat().st_nlink > 1
    assert staleness.stale(workspace, [*A, *B]) == set()
    (workspace.root / "data/set/a/2.png").write_text("new")
    data.track_dataset(workspace, "set")
    produce(workspace, "a")
    record.commit(workspace, A)
    assert weights.read_text() == "1.png\n2.png\n"
    assert staleness.stale(workspace, [*A, *B]) == set()
    command_line(workspace, "checkout", "--force", "--relink")
    assert (workspace.root / "work/set/b/train/weights").read_text() == "1.png\n"


def logged_files(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name == "services.dvc.damage")


def test_a_damaged_record_of_stages_is_set_aside_and_they_are_stale(
    recorded: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    lock = recorded.root / "dvc.lock"
    whole = lock.read_bytes()
    for damaged in damages(whole, places=2):
        caplog.clear()
        lock.write_bytes(damaged)
        data.track_dataset(recorded, "set")
        stale = staleness.stale(recorded, [*A, *B])
        assert stale <= {*A, *B}
        aside = lock.with_name("dvc.lock.damaged")
        if aside.exists():
            assert f"{lock}: damaged" in logged_files(caplog)
            assert aside.read_bytes() == damaged
            assert stale == {*A, *B}
            aside.unlink()
    record.commit(recorded, [*A, *B])
    assert lock.read_bytes() == whole


def test_a_damaged_data_file_is_made_anew(recorded: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    file = recorded.root / "data" / "set.dvc"
    whole, version = file.read_bytes(), data.data_version(recorded, "set")
    refused = 0
    for damaged in damages(whole, places=3):
        file.write_bytes(damaged)
        try:
            data.data_version(recorded, "set")
        except DvcError as error:
            refused += 1
            assert str(error).startswith(f"{file}: damaged")
            assert "\n" not in str(error)
        assert data.track_dataset(recorded, "set") == version
        assert data.data_version(recorded, "set") == version
        assert staleness.is_clean(recorded, [*A, *B])
    assert refused > 3


def test_a_damaged_object_of_dvc_s_cache_is_written_anew_by_the_next_run(recorded: Workspace) -> None:
    objects = {file: file.read_bytes() for file in (recorded.root / ".dvc" / "cache").rglob("*") if file.is_file()}
    for file, whole in objects.items():
        file.chmod(0o644)
        file.write_bytes(whole[: len(whole) // 2])
    data.track_dataset(recorded, "set")
    stale = staleness.stale(recorded, [*A, *B])
    assert stale == {*A, *B}
    produce(recorded, "a", "b")
    record.commit(recorded, sorted(stale))
    assert {file: file.read_bytes() for file in objects} == objects


def test_dvc_s_damaged_memory_of_hashes_is_made_anew(recorded: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    with Repo(str(recorded.root)) as repo:
        memories = [*Path(repo.site_cache_dir).rglob("cache.db")]
    for memory in memories:
        memory.write_bytes(b"no database" * 1000)
        for name in ("cache.db-wal", "cache.db-shm"):
            memory.with_name(name).unlink(missing_ok=True)
    data.track_dataset(recorded, "set")
    assert staleness.is_clean(recorded, [*A, *B])
    assert "DVC's memory of hashes is damaged (file is not a database)" in logged_files(caplog)


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


@pytest.mark.parametrize("left", ["", '{"write": {"ROOT": {"pid": PID, "cmd": "tocoad"}}, "read": {}}'])
def test_what_a_killed_run_noted_of_paths_keeps_nobody_out(recorded: Workspace, left: str) -> None:
    """It was cut while it was written, by a full disk too, or another process has the number of the dead one."""
    file = recorded.root / ".dvc" / "tmp" / "tocoad" / "rwlock"
    file.write_text(left.replace("ROOT", str(recorded.root)).replace("PID", str(os.getppid())))
    assert staleness.is_clean(recorded, A + B)
    assert record.commit(recorded, A) == set()


def test_what_another_process_changes_between_two_calls_is_seen(recorded: Workspace) -> None:
    assert staleness.stale(recorded, [*A, *B]) == set()
    (recorded.root / "data" / "set" / "a" / "2.png").write_text("new")
    data.track_dataset(recorded, "set")
    command_line(recorded, "repro")
    assert staleness.stale(recorded, [*A, *B]) == set()
    command_line(recorded, "remove", "data/set.dvc")
    (recorded.root / "dvc.yaml").write_text(GRAPH.replace("params: [train]", "params: [train, split]"))
    assert staleness.stale(recorded, [*A, *B]) == {"train@set/a", "train@set/b"}


def test_a_record_that_failed_leaves_no_stage_taken_for_recorded(recorded: Workspace) -> None:
    produce(recorded, "a", "b")
    (recorded.root / "work" / "set" / "a" / "manifest").write_text("other")
    shutil.rmtree(recorded.root / "work" / "set" / "b" / "train")
    with pytest.raises(DvcError, match="train"):
        record.commit(recorded, [*A, *B])
    assert staleness.stale(recorded, A) == set(A)
