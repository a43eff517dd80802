"""A damaged database of MLflow is told before any work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.mlflow.database import DatabaseDamagedError, check_database
from tests.helpers.damage import damages


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE metrics (key TEXT PRIMARY KEY, value REAL)")
        database.executemany("INSERT INTO metrics VALUES (?, ?)", ((f"metric {n}", n / 7) for n in range(2000)))
        database.commit()
    return file


def rows(file: Path) -> list[tuple[str, float]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT key, value FROM metrics ORDER BY key").fetchall()


def test_a_database_that_is_cut_or_overwritten_is_named_with_the_way_out(file: Path) -> None:
    whole = file.read_bytes()
    for damaged in damages(whole, places=12):
        if len(damaged) == len(whole) and not damaged.endswith(bytes(64)):
            continue  # SQLite keeps no digest: a flipped bit of a value is a value
        file.write_bytes(damaged)
        with pytest.raises(DatabaseDamagedError, match=r"put a copy of it back, or move it away") as caught:
            check_database(file, file.parent)
        assert str(caught.value).startswith(f"{file}: MLflow's database is damaged (")
        assert "\n" not in str(caught.value)


def test_a_whole_database_and_none_at_all_are_taken(file: Path) -> None:
    before = rows(file)
    check_database(file, file.parent)
    assert rows(file) == before
    file.unlink()
    check_database(file, file.parent)
    assert not file.exists()


def test_an_empty_one_is_that_of_a_first_start_only_where_nothing_was_recorded(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"")
    check_database(file, tmp_path / "mlartifacts")
    (tmp_path / "mlartifacts" / "1").mkdir(parents=True)
    with pytest.raises(DatabaseDamagedError, match="it is empty"):
        check_database(file, tmp_path / "mlartifacts")
