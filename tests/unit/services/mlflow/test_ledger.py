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
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.log import Entry, Numbered, replay
from tocoad.gate.records import Decision
from tocoad.gate.subject import Subject

GEAR = Category("d", "gear")
SUBJECT = Subject(method="tocoad", package="p", evaluation_set="e", rules="r")


def verdict(number: int, reason: str = "good", name: str = "") -> Entry:
    """As the first of a log: a version that the gate promotes."""
    decision = Decision(verdict="promoted", reasons=(reason,), figures={"floor": {"challenger": 0.9125}})
    return Entry(
        id=f"{name}{number:032d}",
        time="2026-01-01T00:00:00+00:00",
        by="anna",
        action="judge",
        after=0,
        old=None,
        new=number,
        version=number,
        subject=SUBJECT,
        decision=decision,
        metrics={"image_AUROC": 0.9125},
    )


def add(workspace: Workspace, entry: Entry) -> None:
    ledger.copy(workspace, GEAR, replay([Numbered(1, entry)]))


def versions(workspace: Workspace) -> list[int]:
    return [entry["version"] for entry in ledger.entries(workspace, "d")]


def test_what_counts_in_the_log_is_copied_once_and_in_order(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert ledger.entries(workspace, "d") == []
    first = verdict(1, "two\nlines")
    history = replay([Numbered(1, first), Numbered(2, verdict(2))])
    assert len(history.lost) == 1, "the second knew of no champion"
    ledger.copy(workspace, GEAR, history)
    before = ledger.ledger_file(workspace, "d").read_bytes()
    back = Entry.model_validate({**first.model_dump(), "id": "b", "action": "promote", "after": 1, "old": 1, "new": 3})
    history.take(3, back)
    ledger.copy(workspace, GEAR, history)
    ledger.copy(workspace, GEAR, history)
    assert ledger.ledger_file(workspace, "d").read_bytes().startswith(before)
    one, two = ledger.entries(workspace, "d")
    assert (one["model"], one["entry"], one["version"], one["champion"]) == ("d.gear", 1, 1, None)
    assert (one["verdict"], one["reasons"], one["evaluation_set"]) == ("promoted", ["two\nlines"], "e")
    assert two["entry"] == 3


def read_so_far() -> int:
    """Bytes that this process has read."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_a_thousand_categories_do_not_each_read_what_all_have_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    categories = [Category("d", f"gear{number}") for number in range(50)]
    histories = [replay([Numbered(1, verdict(1, "x" * 20_000, category.name))]) for category in categories]
    before = read_so_far()
    for _ in range(2):
        for category, history in zip(categories, histories, strict=True):
            ledger.copy(workspace, category, history)
    size = ledger.ledger_file(workspace, "d").stat().st_size
    assert len(ledger.entries(workspace, "d")) == 50 and size > 1_000_000
    assert read_so_far() - before < 4 * size


def test_a_ledger_that_was_put_in_anothers_place_is_read_anew(tmp_path: Path) -> None:
    workspace, file = Workspace(tmp_path), ledger.ledger_file(Workspace(tmp_path), "d")
    add(workspace, verdict(1))
    first = file.read_bytes()
    add(workspace, verdict(2))
    for other in (first, b"", first.replace(b"good", b"fine") * 3):
        file.write_bytes(other)
        add(workspace, verdict(2))
        assert file.read_bytes().startswith(other) and b"%032d" % 2 in file.read_bytes()
    file.unlink()
    add(workspace, verdict(2))
    assert versions(workspace) == [2]


def test_an_entry_of_which_a_power_cut_left_a_part_is_added_whole(tmp_path: Path) -> None:
    workspace, file = Workspace(tmp_path), ledger.ledger_file(Workspace(tmp_path), "d")
    add(workspace, verdict(1))
    file.write_bytes(file.read_bytes()[:-20])
    add(workspace, verdict(1))
    assert versions(workspace) == [1]


def test_a_line_that_two_wrote_at_once_is_read_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    add(workspace, verdict(1))
    file = ledger.ledger_file(workspace, "d")
    file.write_bytes(file.read_bytes() * 2)
    assert versions(workspace) == [1]


def test_writers_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add(workspace, verdict(n, "x" * 5000)), range(1, 41)))
    assert sorted(versions(workspace)) == list(range(1, 41))


def test_moves_by_hand_are_no_verdicts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    history = replay([Numbered(1, verdict(1))])
    move = {"id": "m", "time": "t", "by": "anna", "action": "promote", "after": 1, "from": 1, "to": 2}
    history.take(2, Entry.model_validate({**move, "word": {"verdict": "kept", "reasons": []}}))
    ledger.copy(workspace, GEAR, history)
    assert [entry["version"] for entry in ledger.verdicts(workspace, "d")] == [1]
    last = ledger.entries(workspace, "d")[-1]
    assert (last["action"], last["from"], last["to"], last["gate"]["verdict"]) == ("promote", 1, 2, "kept")


@pytest.fixture
def three(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    for number in range(3):
        add(workspace, verdict(number))
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
        add(three, verdict(9))
        assert versions(three)[-1] == 9
        assert len(ledger.entries(three, "d")) == 3 + (cut == len(whole) - 1)


def test_an_entry_that_finds_no_room_is_an_error_and_leaves_no_torn_line(three: Workspace) -> None:
    file = ledger.ledger_file(three, "d")
    before = file.read_bytes()
    with files_up_to(len(before) + 10), pytest.raises(StageError, match=r"ledger\.jsonl: no room on its disk"):
        add(three, verdict(9))
    assert file.read_bytes() == before


def test_lines_of_versions_before_the_seal_still_count(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    add(workspace, verdict(1))
    old = {"time": "2026-01-01T00:00:00+00:00", "model": "d.a", "verdict": "promoted"}
    ledger.ledger_file(workspace, "d").write_text(json.dumps(old) + "\n")
    assert ledger.verdicts(workspace, "d") == [old]
