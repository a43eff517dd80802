"""What the layouts with a CSV share: its lines by number, its images by name, and what it does not list."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from tocoad.data.layouts.source import Source
from tocoad.data.listing import first_names

Row = dict[str, str]


def read_rows(source: Source, file: Path, columns: Sequence[str]) -> list[tuple[int, Row]]:
    """The lines below the header, each with its number; none where a column is missing, which is a problem."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines, restval="")
            missing = [name for name in columns if name not in (table.fieldnames or ())]
            if not missing:
                return [(table.line_num, row) for row in table]
            source.refuse(file, f"misses the column {missing[0]!r}; expected are {','.join(columns)}")
    except (csv.Error, UnicodeDecodeError) as error:
        source.refuse(file, f"not a readable table ({error})")
    except OSError as error:
        source.refuse(file, f"cannot be read ({error.strerror})")
    return []


def labelled_images(
    source: Source, file: Path, folder: Path, columns: Sequence[str], label: Callable[[Row], str]
) -> list[tuple[Path, str]]:
    """The images of `folder` with their labels, in order of name; the first column holds the names without suffix.

    A name is looked up among the folder's own images, so that none leads anywhere else. `label` raises ValueError with
    the reason where it cannot tell. Every such line is a problem; images that no line lists are named.
    """
    images = _by_stem(source, folder)
    listed: dict[str, int] = {}
    found = []
    for line, row in read_rows(source, file, columns):
        name = row[columns[0]]
        try:
            if name in listed:
                raise ValueError(f"{name!r} stands in line {listed[name]} already")
            listed[name] = line
            if name not in images:
                raise ValueError(f"no image {name!r} in {folder}")
            found.append((images[name], label(row)))
        except ValueError as error:
            source.refuse(file, f"line {line}: {error}")
    name_unlisted(source, folder, [image for name, image in images.items() if name not in listed], file.name)
    return sorted(found)


def name_unlisted(source: Source, folder: Path, unlisted: Sequence[Path], table: str) -> None:
    """One line a folder, since a folder may hold hundreds."""
    if unlisted:
        names = first_names(file.name for file in unlisted)
        source.warn(folder, f"{len(unlisted)} files are not listed in {table}; not imported: {names}")


def _by_stem(source: Source, folder: Path) -> dict[str, Path]:
    images: dict[str, Path] = {}
    for image in source.images(folder, others="warn"):
        if image.stem in images:
            source.refuse(image, f"differs from {images[image.stem].name} by its suffix alone; keep one of them")
        images.setdefault(image.stem, image)
    return images
