"""Rows of a study's table that was written before: what stands there when the cells behind it are not at hand."""

from __future__ import annotations

from collections.abc import Mapping

from tocoad.errors import SettingsError

MARK = " †"


class EarlierRows:
    """The rows by encoder (`## lite0`), place (`### bottle`) and variant, each with the mark behind its name.

    Raises SettingsError where a table in the text has not the columns of `header`, or a row no number of seeds: it
    would say something else here.
    """

    def __init__(self, text: str, header: str) -> None:
        self._rows: dict[tuple[str, str], dict[str, str]] = {}
        encoder = place = ""
        for line in text.splitlines():
            if line.startswith("## "):
                encoder = line.removeprefix("## ")
            elif line.startswith("### "):
                place = line.removeprefix("### ")
            elif line.startswith("| variant |"):
                if line != header:
                    raise SettingsError(f"--keep: the table of {encoder}, {place} has other columns; do without --keep")
            elif line.startswith("| "):
                name = row_name(line).removesuffix(MARK)
                if line.count("|") != header.count("|") or not row_seeds(line):
                    raise SettingsError(f"--keep: {encoder}, {place}: {name!r} is not a row of this study's table")
                marked = line.replace(row_name(line), name + MARK, 1)
                self._rows.setdefault((encoder, place), {})[name] = marked

    def of(self, encoder: str, place: str) -> Mapping[str, str]:
        return self._rows.get((encoder, place), {})


def row_name(row: str) -> str:
    return row.removeprefix("| ").partition(" |")[0]


def row_seeds(row: str) -> int:
    """How many seeds a row is of: its second column; 0 where that is no number."""
    text = row.split("|")[2].strip()
    return int(text) if text.isdigit() else 0
