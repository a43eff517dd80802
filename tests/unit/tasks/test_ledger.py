"""The ledger only grows, and one entry is one line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks import ledger
from tocoad.workspace import Workspace


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
        list(pool.map(lambda n: ledger.append(workspace, "d", {"n": n, "pad": "x" * 5000}), range(40)))
    assert sorted(entry["n"] for entry in ledger.entries(workspace, "d")) == list(range(40))


def test_moves_by_hand_are_no_verdicts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ledger.append(workspace, "d", {"model": "d.a", "version": 1, "verdict": "promoted"})
    ledger.append(workspace, "d", {"model": "d.a", "action": "rollback", "gate": {"verdict": "promoted"}})
    assert [entry["version"] for entry in ledger.verdicts(workspace, "d")] == [1]
    assert len(ledger.entries(workspace, "d")) == 2
