"""The file of verdicts: a CSV table with a row for each image that a person looked at.

path, verdict        the image, absolute or relative to the file, and `false reject`, `missed defect` or `unclear`
defect_type, mask    optional, of a missed defect; the mask is an image too
who, when            optional; when is a date or a time (ISO 8601)
sha256               optional, of the image that was looked at: the review page writes it
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Literal, get_args

from tocoad.feedback.problems import FeedbackError, LineProblem

Verdict = Literal["false reject", "missed defect", "unclear"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COLUMNS = ("path", "verdict", "defect_type", "mask", "who", "when", "sha256")
_NEEDED = ("path", "verdict")
_DELIMITERS = ",;\t"  # a spreadsheet writes what its country wants
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Row:
    """A line of the file. `given` is the image as the file names it, `image` where it lies."""

    line: int
    given: str
    image: Path
    verdict: Verdict
    defect_type: str | None = None
    mask: Path | None = None
    who: str | None = None
    when: str | None = None
    sha256: str | None = None


def read_verdicts(file: Path) -> tuple[list[Row], list[LineProblem]]:
    """The rows that can be read, and what is wrong with the others; no image is opened.

    Raises:
        FeedbackError: the file as a whole is no table of verdicts.
    """
    text = _text(file)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    lines = _lines(text, delimiter)
    first, header = next(lines, (1, []))
    columns, problems = _columns(first, header)
    if problems:
        raise FeedbackError(file, problems)
    rows = []
    for line, cells in lines:
        if isinstance(cells, str):
            problems.append(LineProblem(line, cells))
        elif len(cells) != len(columns):
            problems.append(LineProblem(line, f"has {len(cells)} of {len(columns)} columns: {', '.join(columns)}"))
        else:
            row = _row(file, line, dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
            if isinstance(row, Row):
                rows.append(row)
            else:
                problems += row
    if not rows and not problems:
        raise FeedbackError(file, [LineProblem(first, "no verdict follows")])
    return rows, problems


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FeedbackError(file, [LineProblem(line, "not UTF-8; save it as 'CSV UTF-8'")]) from None


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each with the number of its first line; those without anything in them are left out. The last one is the reason
    why no more could be read, where there is one.
    """
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not a table from here on ({error})"
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _columns(line: int, header: list[str] | str) -> tuple[list[str], list[LineProblem]]:
    if isinstance(header, str):
        return [], [LineProblem(line, header)]
    columns = [_folded(name).replace(" ", "_") for name in header]
    problems = []
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            way_out = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COLUMNS)}"
            problems.append(LineProblem(line, f"unknown column {name!r}; {way_out}"))
        elif columns.count(name) > 1:
            problems.append(LineProblem(line, f"two columns are called {name!r}"))
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        problems.append(LineProblem(line, f"no column {', '.join(map(repr, missing))} in the first line"))
    return columns, problems


def _row(file: Path, line: int, cells: Mapping[str, str]) -> Row | list[LineProblem]:
    problems, given = [], cells["path"]
    if not given:
        problems.append(LineProblem(line, "no path"))
    verdict = next((known for known in VERDICTS if known == _folded(cells["verdict"])), None)
    if verdict is None:
        way_out = ", ".join(map(repr, VERDICTS))
        problems.append(LineProblem(line, f"{given}: unknown verdict {cells['verdict']!r}; use {way_out}"))
    when = cells.get("when") or None
    if when is not None:
        try:
            when = datetime.fromisoformat(when).isoformat()
        except ValueError:
            problems.append(LineProblem(line, f"{given}: when is {when!r}, not a time such as 2026-11-26T08:30"))
    sha256 = (cells.get("sha256") or "").lower() or None
    if sha256 is not None and not _DIGEST.fullmatch(sha256):
        problems.append(LineProblem(line, f"{given}: sha256 is not 64 hexadecimal digits"))
    if problems or verdict is None:
        return problems
    mask = cells.get("mask")
    return Row(
        line=line,
        given=given,
        image=file.parent / given,
        verdict=verdict,
        defect_type=cells.get("defect_type") or None,
        mask=file.parent / mask if mask else None,
        who=cells.get("who") or None,
        when=when,
        sha256=sha256,
    )


def _folded(text: str) -> str:
    """Letter case, and what parts the words, mean nothing."""
    return re.sub(r"[-_\s]+", " ", text).strip().lower()
