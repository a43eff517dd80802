"""The results of a batch as a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from services.scoring import table
from services.scoring.journal import Row
from services.scoring.table import COLUMNS, checked_ending, write_table
from tocoad.errors import SettingsError

ROWS = [
    ("a, b.png", Row(0.10000000149011612, False)),
    ('quoted".png', Row(error="unreadable,\nor worse")),
    ("ünicode.png", Row(3.5, True)),
    ("no text \udcff.png", Row(0.5, False)),
]
NAMES = ["a, b.png", 'quoted".png', "ünicode.png", "no text \\xff.png"]


def test_parquet_has_the_rows_and_says_of_which_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow.parquet import read_table

    monkeypatch.setattr(table, "_ROWS_AT_ONCE", 3)
    write_table(tmp_path / "sub" / "scores.parquet", ROWS, {"model": "m"})
    found = read_table(tmp_path / "sub" / "scores.parquet")
    assert tuple(found.column_names) == COLUMNS
    columns = found.to_pydict()
    assert columns["image_path"] == NAMES and columns["error"] == [row.error for _, row in ROWS]
    assert columns["pred_score"] == [row.pred_score for _, row in ROWS], "float32 holds every score"
    assert columns["pred_label"] == [False, None, True, False]
    assert json.loads(found.schema.metadata[b"tocoad"]) == {"model": "m"}


def test_csv_has_every_digit_of_a_score(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", ROWS, {})
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["image_path"] for row in rows] == NAMES
    assert [row["pred_label"] for row in rows] == ["0", "", "1", "0"]
    assert [float(row["pred_score"]) for row in rows if row["pred_score"]] == [0.10000000149011612, 3.5, 0.5]


def test_a_table_that_breaks_off_leaves_the_one_before(tmp_path: Path) -> None:
    def breaking() -> object:
        yield ROWS[0]
        raise KeyboardInterrupt

    for name in ("scores.csv", "scores.parquet"):
        (tmp_path / name).write_text("before")
        with pytest.raises(KeyboardInterrupt):
            write_table(tmp_path / name, breaking(), {})  # type: ignore[arg-type]
        assert (tmp_path / name).read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_another_ending_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"ends with \.parquet or \.csv"):
        checked_ending(Path("scores.xlsx"))
