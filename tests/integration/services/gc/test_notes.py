"""What notes of a store name stays while somebody may come back to it, and goes with its note afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services.gc.plan import Choice, Plan
from services.gc.removal import tidy
from services.ray.checkpoints import Checkpoints
from services.store.folders import put_folder
from services.store.notes import CHECKPOINTS, FORGOTTEN_SECONDS, JOBS, Note, write_note
from services.store.store import Store, open_store
from tests.helpers.line_of_versions import Factory
from tests.helpers.processes import wait_until
from tocoad.files.replacing import replacing
from tocoad.files.workspace import Category
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration

A = Category("set", "a")


@pytest.fixture
def store(factory: Factory) -> Store:
    """Of a workspace with three versions, of which gc gives up the middle one."""
    for number in range(3):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number, "kept" if number else "promoted")
    return open_store(str(factory.store))


def _tidy(factory: Factory) -> Plan:
    return tidy(factory.workspace, factory.registry, "set", Choice(1, 0), None, None, silent)


def _lying(store: Store) -> set[str]:
    return {found.name for found in store.objects()}


def _aged(factory: Factory, name: str) -> None:
    then = time.time() - FORGOTTEN_SECONDS - 60
    os.utime(factory.store / "notes" / name, (then, then))


def _training(store: Store, key: str, folder: Path) -> set[str]:
    """What a training that was killed left in the store."""
    before = _lying(store)
    with Checkpoints(store, key, folder, 0.01):
        with replacing(folder) as incoming:
            (incoming / "state").write_text(key)
        wait_until("the checkpoint", lambda: len(_lying(store)) == len(before) + 2, 20, pause=0.01)
    return _lying(store) - before


def test_a_checkpoint_stays_for_two_weeks_and_goes_with_its_note(
    factory: Factory, store: Store, tmp_path: Path
) -> None:
    young, old = (_training(store, key, tmp_path / key) for key in ("young", "old"))
    # Who has damaged one keeps nobody from tidying up.
    for name in (damaged := [JOBS + "young", JOBS + "old"]):
        store.write_note(name, b"{")
    for name in (CHECKPOINTS + "old", damaged[1]):
        _aged(factory, name)
    plan = _tidy(factory)
    assert plan.notes == (CHECKPOINTS + "old", damaged[1]) and plan.document()["notes"] == 2
    assert young <= _lying(store) and not old & _lying(store)
    assert {found.name for found in store.notes()} == {CHECKPOINTS + "young", damaged[0]}
    with Checkpoints(store, "young", tmp_path / "again", 60):
        assert (tmp_path / "again" / "state").read_text() == "young"


def test_a_list_that_a_job_has_put_keeps_the_files_of_old_versions_for_two_weeks_and_no_others_go(
    factory: Factory, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "read" / "train").mkdir(parents=True)
    (tmp_path / "read" / "train" / "1").write_bytes(b"1")  # the image of the version that goes
    (tmp_path / "read" / "train" / "2").write_bytes(b"an output that nobody else here knows of")
    before = _lying(store)
    tree, _ = put_folder(tmp_path / "read", store)
    (unknown,) = _lying(store) - before - {tree}
    image = store.listing(tree)["train/1"]
    write_note(store, JOBS + "key", Note(objects=frozenset({tree})))
    _tidy(factory)
    assert {tree, image} <= _lying(store)

    for number in range(3, 5):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number, "kept")
    _aged(factory, JOBS + "key")
    _tidy(factory)
    assert not {tree, image} & _lying(store) and unknown in _lying(store) and store.notes() == []
