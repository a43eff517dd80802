"""What is known of a shard's images: a line for each, put there as soon as it is known. A kill takes nothing away that
is in it, and a line that a power cut tore counts as none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tocoad.files.full_disk import full_disk_named


@dataclass(frozen=True)
class Row:
    """Of one image. `error` says why it has no score."""

    pred_score: float | None = None
    pred_label: bool | None = None
    error: str | None = None


Rows = dict[int, Row]
"""By the image's place in its shard."""


class Journal:
    """Threads may add to it, and even a process that lives on after its run was killed: a score is a score."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file, self._descriptor = file, descriptor

    def add(self, lines: str) -> None:
        """As `line_of` makes them; returns when they are the system's to keep."""
        with full_disk_named(self._file):
            left = lines.encode()
            while left:
                left = left[os.write(self._descriptor, left) :]


@contextmanager
def journal(file: Path) -> Iterator[Journal]:
    """Open to be added to; on the disk after the block."""
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")  # behind a line that was torn
        yield Journal(file, descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def line_of(place: int, row: Row) -> str:
    """With its end."""
    return json.dumps([place, row.pred_score, row.pred_label, row.error], separators=(",", ":")) + "\n"


def read_rows(file: Path) -> Rows:
    """Nothing where there is no such file."""
    try:
        with file.open(encoding="ascii", errors="replace") as stream:
            return dict(_parsed(stream))
    except FileNotFoundError:
        return {}


def _parsed(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    for line in lines:
        try:
            place, score, label, error = json.loads(line)
        except (ValueError, TypeError):
            continue
        yield place, Row(score, label, error)
