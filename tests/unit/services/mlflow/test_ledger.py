"""The ledger only grows, and one entry is one line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.mlflow import ledger
from tests.helpers.damage import damages
from tests.helpers.disks import files_up_to
from tocoad.errors import StageError
from tocoad.files.workspace import Workspace


def test_entries_come_back_in_order_with_their_time(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert ledger.entries(workspace, "d") == []
    ledger.append(workspace, "d", {"model": "d.a", "reasons": ["two\nlines"]})
    before = ledger.ledger_file(workspace, "d").read_bytes()
    ledger.append(workspace, "d", {"model": "d.b", "reasons": []})
    assert ledger.ledger_file(workspace, "d").read_bytes().startswith(before)
    first, second = ledger.entries(workspace, "d")
    assert (first["model"], second["model"]) == ("d.a", "d.b")
    assert first["reasons"] == ["two\nlines"]
    assert first["time"] <= second["time"]


def test_writers_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: ledger.append(workspace, "d", {"model": "d.a", "n": n, "pad": "x" * 5000}), range(40)))
    assert sorted(entry["n"] for entry in ledger.entries(workspace, "d")) == list(range(40))


def test_moves_by_hand_are_no_verdicts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ledger.append(workspace, "d", {"model": "d.a", "version": 1, "verdict": "promoted"})
    ledger.append(workspace, "d", {"model": "d.a", "action": "rollback", "gate": {"verdict": "promoted"}})
    assert [entry["version"] for entry in ledger.verdicts(workspace, "d")] == [1]
    assert len(ledger.entries(workspace, "d")) == 2


@pytest.fixture
def three(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    for number in range(3):
        ledger.append(workspace, "d", {"model": "d.a", "version": number, "figures": {"image_AUROC": 0.9125}})
    return workspace


def test_a_damaged_line_is_named_and_left_out(three: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    file = ledger.ledger_file(three, "d")
    whole = ledger.entries(three, "d")
    first, second, third = file.read_bytes().splitlines(keepends=True)
    for damaged in damages(second.rstrip(b"\n")):
        caplog.clear()
        file.write_bytes(first + damaged + b"\n" + third)
        found = ledger.entries(three, "d")
        if len(found) == 2:
            assert found == [whole[0], whole[2]]
            assert not damaged or f"{file}, line 2: cut or altered" in caplog.text
        else:  # one bit of the seal's own name or of white space
            assert [entry["figures"] for entry in found] == [entry["figures"] for entry in whole]


def test_the_next_entry_begins_on_a_line_of_its_own_after_a_torn_one(three: Workspace) -> None:
    file = ledger.ledger_file(three, "d")
    whole = file.read_bytes()
    for cut in range(len(whole) - 40, len(whole)):
        file.write_bytes(whole[:cut])
        ledger.append(three, "d", {"model": "d.a", "version": 9})
        assert [entry["version"] for entry in ledger.entries(three, "d")][-1] == 9
        assert len(ledger.entries(three, "d")) == 3 + (cut == len(whole) - 1)


def test_an_entry_that_finds_no_room_is_an_error_and_leaves_no_torn_line(three: Workspace) -> None:
    file = ledger.ledger_file(three, "d")
    before = file.read_bytes()
    with files_up_to(len(before) + 10), pytest.raises(StageError, match=r"ledger\.jsonl: no room on its disk"):
        ledger.append(three, "d", {"model": "d.a"})
    assert file.read_bytes() == before


def test_lines_of_versions_before_the_seal_still_count(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ledger.append(workspace, "d", {"model": "d.a"})
    old = {"time": "2026-01-01T00:00:00+00:00", "model": "d.a", "verdict": "promoted"}
    ledger.ledger_file(workspace, "d").write_text(json.dumps(old) + "\n")
    assert ledger.verdicts(workspace, "d") == [old]
