"""Images that belong together - of one part, one burst, one patient - by a table of the category or by their paths."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from io import StringIO

GROUPS_FILE = "groups.csv"
COLUMNS = ("path", "group")


@dataclass(frozen=True)
class Groups:
    """The lines of a category's table: what they are of, and its group. That is an image's path in the category
    (`train/good/007.png`), or its name alone; in both `*`, `?` and `[...]` stand for parts of a name.

    Of the lines that fit an image a path counts before a name, both before what has such signs, and of these the first.
    """

    lines: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines)

    def of(self, path: str) -> str | None:
        """The group of an image, None of one that the table does not name."""
        for name in (path, path.rpartition("/")[2]):
            if (group := self._literal.get(name)) is not None:
                return group
        return next((group for text, group in self._patterns if _fits(path, text)), None)

    def changed(self, groups: Mapping[str, str], gone: Collection[str]) -> Groups:
        """With these of single images, by their paths, and without those of images that are no longer there."""
        kept = tuple(line for line in self.lines if line[0] not in groups and line[0] not in gone)
        return Groups((*kept, *sorted(groups.items())))

    @property
    def text(self) -> str:
        """The content of the file."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([COLUMNS, *self.lines])
        return text.getvalue()

    @cached_property
    def _literal(self) -> Mapping[str, str]:
        return dict(reversed(self.lines))

    @cached_property
    def _patterns(self) -> Iterable[tuple[str, str]]:
        return [line for line in self.lines if re.search(r"[*?[]", line[0])]


NO_GROUPS = Groups()


def group_of(path: str, groups: Groups, pattern: str | None) -> str | None:
    """Of an image of a category: what its table says, else what the one bracket of the regular expression finds."""
    group = groups.of(path)
    if group is None and pattern is not None and (found := re.search(pattern, path)) is not None:
        group = found[1]
    return group or None


def content_groups(images: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Of pairs of content and group, what group each content is of: a copy belongs where its original does."""
    return {sha256: group for sha256, group in images if group is not None}


def unfit_lines(texts: Iterable[str], paths: Collection[str]) -> list[str]:
    """Those texts of a table that are of none of the images."""
    known = {*paths, *(path.rpartition("/")[2] for path in paths)}
    return [text for text in texts if text not in known and not any(_fits(path, text) for path in paths)]


def _fits(path: str, text: str) -> bool:
    if "/" not in text:
        return fnmatchcase(path.rpartition("/")[2], text)
    parts, patterns = path.split("/"), text.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
