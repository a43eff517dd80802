"""Checkpoints on their way into a store that fails: the training never waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ray import checkpoints
from services.ray.checkpoints import Checkpoints
from services.store.notes import CHECKPOINTS, read_note
from services.store.store import Store, open_store
from tests.helpers.fault_proxy import FaultProxy, fault_proxy
from tests.helpers.processes import wait_until
from tests.helpers.s3_servers import S3Server
from tocoad.files.replacing import replacing

from .conftest import use

pytestmark = pytest.mark.integration


@pytest.fixture
def proxy(rclone_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with fault_proxy(rclone_server.endpoint) as made:
        use(rclone_server.at(made.endpoint), monkeypatch)
        yield made


@pytest.fixture
def far(rclone_server: S3Server, proxy: FaultProxy, tmp_path: Path) -> Store:
    settings = {"connect_timeout": 1, "read_timeout": 1}
    return open_store(f"{rclone_server.url}/{tmp_path.name}", settings, patience=0.2)


def _save(folder: Path, state: str) -> None:
    with replacing(folder) as incoming:
        (incoming / "state").write_text(state)


def _tree(far: Store) -> str | None:
    note = read_note(far, CHECKPOINTS + "a key")
    return None if note is None else note.tree


def _arrives(far: Store, before: str | None) -> str:
    return str(wait_until("another checkpoint", lambda: (t := _tree(far)) != before and t, 30, pause=0.05))


def test_a_store_that_does_not_answer_is_tried_again_at_the_next_interval(
    far: Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    with Checkpoints(far, "a key", tmp_path / "c", 0.05):
        _save(tmp_path / "c", "first")
        first, asked = _arrives(far, None), len(proxy.requests)
        proxy.hang()
        _save(tmp_path / "c", "second")
        wait_until("questions without an answer", lambda: len(proxy.requests) > asked + 1, 30, pause=0.05)
        proxy.sound()
        _arrives(far, first)
    with Checkpoints(far, "a key", tmp_path / "other", 60) as kept:
        assert (tmp_path / "other" / "state").read_text() == "second"
        kept.done()
    assert list(far.objects()) == [] and far.notes() == []


def test_the_end_does_not_wait_long_for_an_upload_that_hangs(
    rclone_server: S3Server, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_LAST_SECONDS", 0.2)
    patient = open_store(f"{rclone_server.url}/{tmp_path.name}", {"read_timeout": 30})
    with Checkpoints(patient, "a key", tmp_path / "c", 0.05):
        proxy.hang()
        _save(tmp_path / "c", "first")
        wait_until("a question without an answer", lambda: proxy.hanging, 30, pause=0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 15
    proxy.sound()


def test_a_key_that_may_not_delete_still_keeps_checkpoints(far: Store, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.deny("DELETE")
    with Checkpoints(far, "a key", tmp_path / "c", 0.05) as kept:
        tree = None
        for state in ("first", "second", "third"):
            _save(tmp_path / "c", state)
            tree = _arrives(far, tree)
        kept.done()
    note = read_note(far, CHECKPOINTS + "a key")
    assert note is not None and {found.name for found in far.objects()} == note.objects and len(note.objects) == 6
