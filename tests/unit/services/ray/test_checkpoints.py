"""A training's checkpoints on their way into the store, and out of it on another node."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from services.ray.checkpoints import Checkpoints, link_whole
from services.store.notes import Note, read_note
from services.store.store import Store, open_store
from tests.helpers.objects import flip, object_file
from tests.helpers.processes import wait_until
from tocoad.files.replacing import replacing

NOTE = "checkpoints/a key"

_LARGE = """
import sys, time
from pathlib import Path
from services.ray.checkpoints import Checkpoints
from services.store.store import open_store
far, folder = open_store(sys.argv[1]), Path(sys.argv[2])
with Checkpoints(far, "a key", folder, 0.01):
    whole = folder.with_name("whole")
    whole.mkdir()
    for number in range(300):
        (whole / str(number)).write_bytes(number.to_bytes(4) * 50_000)
    whole.rename(folder)
    time.sleep(60)
"""


@pytest.fixture
def far(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "far"))


def _save(folder: Path, state: str) -> None:
    """As a training does; its two files are of one state."""
    with replacing(folder) as incoming:
        (incoming / "state.json").write_text(f"{state} ")
        (incoming / "state.safetensors").write_text(state)


def _state(folder: Path) -> str:
    return (folder / "state.safetensors").read_text()


def _note(far: Store) -> Note:
    return read_note(far, NOTE) or Note()


def _objects(far: Store) -> set[str]:
    return {found.name for found in far.objects()}


def _put(far: Store, folder: Path, state: str) -> None:
    before = _note(far).tree
    _save(folder, state)
    wait_until(f"{state} in the store", lambda: _note(far).tree not in (None, before), 20, pause=0.01)


def test_another_node_goes_on_from_the_latest_and_of_earlier_ones_nothing_is_left(tmp_path: Path, far: Store) -> None:
    with Checkpoints(far, "a key", tmp_path / "node" / "c", 0.01):
        for state in ("first", "second", "third"):
            _put(far, tmp_path / "node" / "c", state)
    note = _note(far)
    assert note.tree is not None and _objects(far) == {note.tree, *far.listing(note.tree).values()} <= note.objects
    assert sorted(file.name for file in (tmp_path / "node").iterdir()) == ["c"]

    with Checkpoints(far, "a key", tmp_path / "other" / "c", 0.01) as kept:
        assert _state(tmp_path / "other" / "c") == "third"
        _put(far, tmp_path / "other" / "c", "fourth")
    kept.done()
    assert _objects(far) == set() and far.notes() == []


def test_other_work_and_work_that_is_done_begins_anew(tmp_path: Path, far: Store) -> None:
    with Checkpoints(far, "a key", tmp_path / "c", 0.01) as kept:
        _put(far, tmp_path / "c", "first")
        with Checkpoints(far, "another key", tmp_path / "d", 0.01):
            assert not (tmp_path / "d").exists()
        kept.done()
    with Checkpoints(far, "a key", tmp_path / "e", 0.01) as again:
        assert not (tmp_path / "e").exists()
        again.done()


def test_a_store_that_cannot_be_used_for_a_while_stops_nothing_and_is_tried_again(
    tmp_path: Path, far: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with Checkpoints(far, "a key", tmp_path / "c", 0.01) as kept:
        _put(far, tmp_path / "c", "first")
        (tmp_path / "far").rename(tmp_path / "aside")
        (tmp_path / "far").write_text("no folder")
        _save(tmp_path / "c", "second")
        wait_until("a failure", lambda: "is tried again" in caplog.text, 20, pause=0.01)
        (tmp_path / "far").unlink()
        (tmp_path / "aside").rename(tmp_path / "far")
        before = _note(far).tree
        wait_until("the second", lambda: _note(far).tree != before, 20, pause=0.01)
        (tmp_path / "far").rename(tmp_path / "aside")
        (tmp_path / "far").write_text("no folder")
        kept.done()
    assert f"note {NOTE} is left there" in caplog.text


def test_what_a_killed_upload_left_is_in_its_note_and_goes_with_who_goes_on(tmp_path: Path, far: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", _LARGE, str(tmp_path / "far"), str(tmp_path / "c")])
    try:
        wait_until("a first object", lambda: _objects(far), 60, pause=0.01)
    finally:
        process.kill()
        process.communicate()
    assert _note(far).tree is None and 0 < len(_objects(far)) < 301 and _objects(far) <= _note(far).objects
    with Checkpoints(far, "a key", tmp_path / "other", 0.01) as kept:
        assert not (tmp_path / "other").exists()
        _put(far, tmp_path / "other", "first")
        kept.done()
    assert _objects(far) == set() and far.notes() == []


@pytest.mark.parametrize("damage", ["object", "list", "note"])
def test_from_what_is_damaged_nobody_goes_on_and_that_is_said(
    tmp_path: Path, far: Store, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Checkpoints(far, "a key", tmp_path / "c", 0.01):
        _put(far, tmp_path / "c", "first")
    tree = _note(far).tree
    assert tree is not None
    damaged = {
        "object": object_file(tmp_path / "far", next(iter(far.listing(tree).values()))),
        "list": object_file(tmp_path / "far", tree),
        "note": tmp_path / "far" / "notes" / NOTE,
    }[damage]
    flip(damaged)
    with Checkpoints(far, "a key", tmp_path / "other", 0.01) as kept:
        assert not (tmp_path / "other").exists() and "is damaged" in caplog.text
        kept.done()
    assert far.notes() == []


def test_where_there_is_no_checkpoint_none_is_whole(tmp_path: Path) -> None:
    assert not link_whole(tmp_path / "c", tmp_path / "seen")
    assert not (tmp_path / "seen").exists()


def test_no_checkpoint_is_of_two_states_though_they_change_meanwhile(tmp_path: Path) -> None:
    folder, ended = tmp_path / "c", threading.Event()

    def train() -> None:
        for state in count():
            if ended.is_set():
                return
            with replacing(folder) as incoming:
                for file in range(40):
                    (incoming / str(file)).write_text(str(state))

    training = threading.Thread(target=train)
    training.start()
    wait_until("a first state", folder.exists, 20, pause=0.01)
    outcomes = {True: 0, False: 0}
    deadline = time.monotonic() + 60
    while min(outcomes.values()) < 5 and time.monotonic() < deadline:
        is_whole = link_whole(folder, tmp_path / "seen")
        outcomes[is_whole] += 1
        if is_whole:
            assert len({file.read_text() for file in (tmp_path / "seen").iterdir()}) == 1
    ended.set()
    training.join()
    assert min(outcomes.values()) >= 5
