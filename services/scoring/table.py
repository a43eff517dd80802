"""The results of a batch as one file, Parquet or CSV, written row by row; it appears whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.scoring.journal import Row
from tocoad.errors import SettingsError
from tocoad.files.replacing import appearing, sync
from tocoad.text.printable import encodable

COLUMNS = ("image_path", "pred_score", "pred_label", "error")
ENDINGS = (".parquet", ".csv")
_ROWS_AT_ONCE = 65_536
_SHOWN = 20

_Write = Callable[[str, Row], object]


@dataclass(frozen=True)
class Told:
    """Of the images of a table: how many are rejected and have no score, and the first of these with the reason."""

    images: int
    rejected: int
    errors: int
    first_errors: tuple[tuple[str, str], ...]


def checked_ending(out: Path) -> Path:
    """Raises SettingsError where it does not say what the file is to be."""
    if out.suffix.lower() not in ENDINGS:
        raise SettingsError(f"{out}: the results are a file that ends with {' or '.join(ENDINGS)}")
    return out


def write_table(out: Path, rows: Iterable[tuple[str, Row]], about: Mapping[str, Any]) -> Told:
    """`about` goes into a Parquet file's own metadata, as JSON under `tocoad`.

    Raises:
        StageError: the disk is full; `out` is as it was.
    """
    images, rejected, errors = 0, 0, 0
    first_errors: list[tuple[str, str]] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    open_file = _csv if out.suffix.lower() == ".csv" else _parquet
    with appearing(out) as incoming:
        with open_file(incoming, about) as write:
            for path, row in rows:
                name = encodable(path)
                write(name, row)
                images, rejected = images + 1, rejected + (row.pred_label is True)
                if row.error is not None:
                    errors += 1
                    if errors <= _SHOWN:
                        first_errors.append((name, row.error))
        sync(incoming)
    sync(out.parent)
    return Told(images, rejected, errors, tuple(first_errors))


@contextmanager
def _csv(file: Path, about: Mapping[str, Any]) -> Iterator[_Write]:
    """Scores with all their digits, labels as in `predictions.csv`: 1 is rejected."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(COLUMNS)

        def write(path: str, row: Row) -> None:
            scored = ("", "") if row.pred_score is None else (repr(row.pred_score), int(row.pred_label or 0))
            lines.writerow((path, *scored, row.error or ""))

        yield write


@contextmanager
def _parquet(file: Path, about: Mapping[str, Any]) -> Iterator[_Write]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    types = (pa.string(), pa.float32(), pa.bool_(), pa.string())
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)), {"tocoad": json.dumps(about)})
    kept: list[tuple[Any, ...]] = []
    with ParquetWriter(file, schema, compression="zstd") as writer:

        def flush() -> None:
            columns = zip(*kept, strict=True)
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema))
            kept.clear()

        def write(path: str, row: Row) -> None:
            kept.append((path, row.pred_score, row.pred_label, row.error))
            if len(kept) == _ROWS_AT_ONCE:
                flush()

        yield write
        if kept:
            flush()
