"""The tables that the stages left as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from tocoad.stage import StageError

Points = tuple[tuple[float, ...], tuple[float, ...]]
"""x and y."""


def read_rows(file: Path) -> list[dict[str, str]]:
    """Raises StageError where the file is missing."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    except FileNotFoundError:
        raise StageError(f"{file} is missing") from None


def read_points(file: Path, columns: tuple[str, str]) -> Points:
    """Raises StageError where the file is missing or a cell is no number."""
    try:
        rows = read_rows(file)
        x, y = (tuple(float(row[column]) for row in rows) for column in columns)
    except (KeyError, ValueError, TypeError) as error:
        raise StageError(f"{file}: not a curve ({error})") from error
    return x, y
