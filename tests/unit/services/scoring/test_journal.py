"""The journal of a shard: what is in it stays, whatever happens to who writes it."""

from __future__ import annotations

from pathlib import Path

from services.scoring.journal import Row, journal, line_of, read_rows

GOOD, BAD, DAMAGED = Row(0.1, False), Row(0.30000001192092896, True), Row(error="the file is empty")


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    with journal(tmp_path / "shard") as kept:
        kept.add(line_of(2, DAMAGED))
        kept.add(line_of(0, GOOD))
    with journal(tmp_path / "shard") as kept:
        kept.add(line_of(1, BAD))
    assert read_rows(tmp_path / "shard") == {0: GOOD, 1: BAD, 2: DAMAGED}


def test_a_row_is_there_before_the_journal_is_closed(tmp_path: Path) -> None:
    with journal(tmp_path / "shard") as kept:
        kept.add(line_of(0, GOOD))
        assert read_rows(tmp_path / "shard") == {0: GOOD}


def test_a_torn_line_is_no_row_and_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "shard"
    with journal(file) as kept:
        kept.add(line_of(0, GOOD))
        kept.add(line_of(1, BAD))
    whole = file.read_bytes()
    for cut in range(whole.index(b"\n") + 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert read_rows(file) == {0: GOOD}
        with journal(file) as kept:
            kept.add(line_of(2, DAMAGED))
        assert read_rows(file) == {0: GOOD, 2: DAMAGED}


def test_without_a_journal_nothing_is_known(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none") == {}
