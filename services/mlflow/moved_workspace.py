"""A workspace that was renamed, copied, restored or mounted elsewhere takes MLflow's files along.

MLflow's database names every place in full. After a move what it names is gone, and in a copy it is the original's. So
the names are set to where the workspace lies now, before MLflow reads the first of them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# Where MLflow 3 keeps a place; a database of an earlier version has not all of them.
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_BUSY_SECONDS = 60.0


def follow(database: Path, artifact_root: Path) -> None:
    """Sets the places of the workspace's own artifacts to below `artifact_root`, all or none; others stay.

    Raises:
        sqlite3.Error: the database is damaged, or must be changed and cannot be.
    """
    if not database.is_file():
        return
    here = f"{artifact_root.as_uri()}/"
    # A place of ours ends so, wherever the workspace lay: `.services/mlartifacts/DATASET/...`.
    mark = f"/{artifact_root.parent.name}/{artifact_root.name}/"

    def relocated(place: str | None) -> str | None:
        if place is None or not place.startswith("file:///") or mark not in place:
            return place
        return here + place.rpartition(mark)[2]

    with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        connection.create_function("relocated", 1, relocated, deterministic=True)
        if moved := [names for names in _COLUMNS if _has_moved(connection, *names)]:
            # A process that comes at the same time waits here, and then changes nothing.
            connection.execute("BEGIN IMMEDIATE")
            for table, column in moved:
                connection.execute(f"UPDATE {table} SET {column} = relocated({column})")  # noqa: S608 - our own names
            connection.execute("COMMIT")


def _has_moved(connection: sqlite3.Connection, table: str, column: str) -> bool:
    if column not in [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]:
        return False
    one = f"SELECT 1 FROM {table} WHERE {column} != relocated({column}) LIMIT 1"  # noqa: S608 - our own names
    return connection.execute(one).fetchone() is not None
