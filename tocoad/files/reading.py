"""Files that a stage left, read back: one that is missing or damaged is one line that names it and the way out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tocoad.errors import StageError

T = TypeVar("T")


def read_document(kind: type[T], file: Path, stage: str) -> T:
    """A JSON document that `stage` wrote. Raises StageError."""
    return _read(file, stage, TypeAdapter(kind).validate_json)


def read_table(file: Path, stage: str) -> list[list[str]]:
    """The rows of a CSV table that `stage` wrote, its header first, all of one length. Raises StageError."""
    return _read(file, stage, _rows)


def damaged(file: Path, reason: object, stage: str) -> StageError:
    """The error for a file that was read, but is not what `stage` can have written."""
    return StageError(f"{file}: {' '.join(str(reason).split())}; run the stage {stage} again")


def _read(file: Path, stage: str, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(file.read_bytes())
    except FileNotFoundError:
        raise StageError(f"{file} is missing: run the stage {stage} first") from None
    except OSError as error:
        raise damaged(file, error.strerror, stage) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise damaged(file, f"{where}: {first['msg']}", stage) from None
    except ValueError as error:
        raise damaged(file, error, stage) from None


def _rows(content: bytes) -> list[list[str]]:
    """Raises ValueError. A number that lost its last digits is still one: the last line's end tells."""
    text = content.decode()
    if not text.endswith("\n"):
        raise ValueError("cut short")
    try:
        rows = list(csv.reader(StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(f"not a table ({error})") from None
    if ragged := next((number for number, row in enumerate(rows, start=1) if len(row) != len(rows[0])), None):
        raise ValueError(f"line {ragged} has other columns than the first")
    return rows
