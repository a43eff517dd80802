"""Images of a data set as a person names them: by their path in it, by where the file lies, or by a pattern."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from tocoad.data.layouts.source import Source
from tocoad.data.problems import DataError, Problem

_HINTS = 3  # to find the nearest of many thousand paths takes a second


def pick(texts: Iterable[str], present: Source, folder: Path) -> list[str]:
    """The paths in the data set, which lies in `folder`, that are meant: of images with their masks, and of masks. In a
    pattern `*` stands for a part of one name.

    Raises DataError for every text that means none, with the nearest path.
    """
    images = {f"{found.name}/{image.path}": image for found in present.categories for image in found.images}
    masks = {path: image.mask.relative_to(folder).as_posix() for path, image in images.items() if image.mask}
    known = {*images, *masks.values()}
    picked: dict[str, None] = {}  # in order
    problems: list[Problem] = []
    for text in texts:
        found = _meant(text, known, folder)
        picked |= dict.fromkeys(found)
        picked |= dict.fromkeys(masks[path] for path in found if path in masks)
        if not found:
            near = difflib.get_close_matches(text, known, n=1) if len(problems) < _HINTS else []
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(Problem(Path(text), f"is no image of the data set {folder.name!r}{hint}"))
    if problems:
        raise DataError(problems)
    return list(picked)


def _meant(text: str, known: set[str], folder: Path) -> list[str]:
    """A name with brackets in it is first of all a name."""
    inside = Path(text).absolute()
    at = inside.relative_to(folder.absolute()).as_posix() if inside.is_relative_to(folder.absolute()) else text
    for name in (text, at):
        if name in known:
            return [name]
    return sorted(path for path in known if any(_matches(path, pattern) for pattern in {text, at}))


def _matches(path: str, pattern: str) -> bool:
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
