"""The order of the site. Pages say it as they say it to a reader: `docs/index.md` in lists of links below headings, the
README of a folder by being there. The trees that Sphinx wants are made of that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)#\s]+)\.md\)", re.MULTILINE)


def with_trees(text: str, place: str, pages: Sequence[str]) -> str:
    """A page of the site with the trees that hang from it: from the first page one of each section with a list, from
    the README of a folder one of all its pages. Other pages have none.
    """
    if place == "index.md":
        return _with_sections(text)
    folder = PurePosixPath(place).parent
    if PurePosixPath(place).name != "README.md":
        return text
    inside = [page for page in pages if PurePosixPath(page).parent == folder and page != place]
    return text + "\n" + _tree([PurePosixPath(page).stem for page in inside], ":maxdepth: 1")


def _with_sections(text: str) -> str:
    head, *sections = _SECTION.split(text)
    parts = [head]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        parts.append(f"## {title}{body.rstrip()}\n\n")
        if entries := _ENTRY.findall(body):
            parts.append(_tree(entries, ":hidden:", f":caption: {title}") + "\n")
    return "".join(parts)


def _tree(entries: Sequence[str], *options: str) -> str:
    return "\n".join(["```{toctree}", *options, "", *entries, "```", ""])
