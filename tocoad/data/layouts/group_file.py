"""`groups.csv` in a category's folder, or in that of all of a source: `path,group`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tocoad.data.groups import COLUMNS, GROUPS_FILE, Groups, unfit_lines
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.table import read_rows
from tocoad.data.listing import first_names


def attach_groups(source: Source, table: Path | None = None) -> None:
    """Gives each category the groups of its own table and, behind these, those of a `table` of all, whose paths begin
    with a category's name. Other tables are named as not imported, and so are lines that fit no image.
    """
    used = set()
    for category in source.categories:
        file = category.folder / GROUPS_FILE
        if file.is_file():
            used.add(file)
            category.groups = Groups(_read(source, file, [image.path for image in category.images]))
    if table is not None and table not in used:
        used.add(table)
        attach_table(source, table)
    for other in source.tables:
        if other not in used:
            source.warn(other, "not part of the layout; not imported")


def attach_table(source: Source, table: Path) -> None:
    """Behind what the categories have, the lines of a table of all."""
    paths = [f"{category.name}/{image.path}" for category in source.categories for image in category.images]
    lines = _read(source, table, paths)
    for category in source.categories:
        mine = (line for text, group in lines if (line := _of_category(text, group, category.name)))
        category.groups = Groups((*category.groups.lines, *mine))


def _of_category(text: str, group: str, name: str) -> tuple[str, str] | None:
    """What a line of a table of all says of the category."""
    first, slash, rest = text.partition("/")
    if not slash:
        return text, group
    return (rest, group) if fnmatchcase(name, first) else None


def _read(source: Source, file: Path, images: Sequence[str]) -> tuple[tuple[str, str], ...]:
    lines: dict[str, str] = {}
    for number, row in read_rows(source, file, COLUMNS):
        text, group = (row[column].strip() for column in COLUMNS)
        if not text or not group:
            source.refuse(file, f"line {number}: give a path and a group")
        elif lines.setdefault(text, group) != group:
            source.refuse(file, f"line {number}: {text!r} is of the group {lines[text]!r} already")
    if unfit := unfit_lines(lines, images):
        source.warn(file, f"{len(unfit)} lines fit no image: {first_names(unfit)}")
    return tuple(lines.items())
