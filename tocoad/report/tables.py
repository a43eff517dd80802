"""The tables that the stages left as CSV."""

from __future__ import annotations

from pathlib import Path

from tocoad.files.reading import damaged, read_table

Points = tuple[tuple[float, ...], tuple[float, ...]]
"""x and y."""


def read_rows(file: Path, stage: str) -> list[dict[str, str]]:
    """By the names of the columns. Raises StageError where the file is missing or no table."""
    header, *rows = read_table(file, stage)
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_points(file: Path, stage: str, columns: tuple[str, str]) -> Points:
    """Raises StageError where the file is missing or a cell is no number."""
    rows = read_rows(file, stage)
    try:
        x, y = (tuple(float(row[column]) for row in rows) for column in columns)
    except (KeyError, ValueError) as error:
        raise damaged(file, f"not a curve ({error})", stage) from error
    return x, y
