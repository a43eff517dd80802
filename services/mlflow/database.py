"""MLflow's local database at its first start, after a power cut, or on a bad disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tocoad.errors import StageError
from tocoad.files.process_lock import locked

_BUSY_SECONDS = 60.0


class DatabaseDamagedError(StageError):
    """Nothing was changed; one line that names the file and the way out."""


@contextmanager
def setting_up(file: Path) -> Iterator[None]:
    """For its opening, at which MLflow makes a new one: of two processes that do so at once one fails, or both."""
    lock = file.with_name("mlflow.lock")
    lock.touch()
    with locked(lock):
        yield


def check_database(file: Path, artifact_root: Path) -> None:
    """Looks at all of its pages, about 100 MB a second, before a retrain works for hours and cannot register.

    Raises:
        DatabaseDamagedError: it is cut or altered, or a folder.
    """
    if file.is_dir():  # for which MLflow tries for two minutes
        raise DatabaseDamagedError(f"{file}: MLflow's database is to be here, and it is a folder: move it away")
    if not file.is_file():
        return
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as connection:
            reason = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            # SQLite fills a page that was cut with zeros.
            if file.stat().st_size % int(connection.execute("PRAGMA page_size").fetchone()[0]):
                reason = "cut short"
            # To SQLite an empty file is a database without a table, and so it is at the first start.
            if file.stat().st_size == 0 and artifact_root.is_dir() and any(artifact_root.iterdir()):
                reason = "it is empty"
    except sqlite3.OperationalError:
        raise  # locked, or not to be read: not damaged
    except sqlite3.DatabaseError as error:
        reason = str(error)
    if reason != "ok":
        text = " ".join(reason.split())
        raise DatabaseDamagedError(
            f"{file}: MLflow's database is damaged ({text}): put a copy of it back, or move it away; "
            "without it no model is champion, and the next retrain begins a new record"
        )
