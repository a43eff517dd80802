"""The source of the site, from the repository's Markdown: what is a page, and where its links lead there.

They are read in the repository too, so a link may lead to what is no page: to a file of code or settings, which the
site then shows as it is, or to a folder, which is its README.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from infra.docs.contents import with_trees

FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_OUTSIDE = ("http://", "https://", "mailto:")
# What is a page beside docs/, and the page of the site that it becomes. What README has to say, index.md says.
_BESIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_METHODS = "tocoad/methods"
_LANGUAGES = {".yaml": "yaml", ".py": "python", ".sh": "bash"}


class PageError(ValueError):
    """A link that leads nowhere on the site."""


def write_source(root: Path, source: Path) -> None:
    """Writes the site's source anew, from the repository at `root`.

    Raises:
        PageError: a page links to what is neither page nor file.
    """
    shutil.rmtree(source, ignore_errors=True)
    places = site_places(root)
    shown: set[str] = set()
    for file, place in places.items():
        if file == "README.md":
            continue
        relink = partial(_relinked, file=file, root=root, places=places, shown=shown)
        text = _outside_fences((root / file).read_text(encoding="utf-8"), relink)
        _write(source / place, with_trees(text, place, sorted(places.values())))
    for file in shown:
        _write(source / _shown(file), _as_page(file, (root / file).read_text(encoding="utf-8")))
    for picture in sorted((root / "docs").rglob("*")):
        if picture.suffix in (".jpg", ".png", ".svg", ".webp"):
            copy = source / picture.relative_to(root / "docs")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, copy)


def site_places(root: Path) -> dict[str, str]:
    """Of each Markdown file that is a page its place on the site; both by their paths."""
    places = dict(_BESIDE)
    for readme in sorted((root / _METHODS).glob("*/README.md")):
        places[f"{_METHODS}/{readme.parent.name}/README.md"] = f"methods/{readme.parent.name}.md"
    for page in sorted((root / "docs").rglob("*.md")):
        places[page.relative_to(root).as_posix()] = page.relative_to(root / "docs").as_posix()
    return places


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if number % 2 else change(part) for number, part in enumerate(FENCED.split(text)))


def _relinked(text: str, file: str, root: Path, places: dict[str, str], shown: set[str]) -> str:
    """The text of a page with links that lead to the same on the site; what has to be shown for it joins `shown`."""

    def link(found: re.Match[str]) -> str:
        target, _, anchor = found[1].partition("#")
        if not target or found[1].startswith(_OUTSIDE):
            return found[0]
        aim = os.path.normpath(PurePosixPath(file).parent / target)
        if (root / aim).is_dir():
            aim = f"{aim}/README.md"
        if aim not in places and not (root / aim).is_file():
            raise PageError(f"{file} links to {found[1]}, which is no page and no file: link to a file, or to none")
        place = places.get(aim)
        if place is None and aim.startswith("docs/"):
            place = aim.removeprefix("docs/")  # a picture
        elif place is None:
            shown.add(aim)
            place = _shown(aim)
        there = os.path.relpath(place, PurePosixPath(places[file]).parent)
        return f"]({there}{'#' + anchor if anchor else ''})"

    return _LINK.sub(link, text)


def _shown(file: str) -> str:
    return f"files/{file}.md"


def _as_page(file: str, text: str) -> str:
    language = _LANGUAGES.get(Path(file).suffix, "text")
    return f"---\norphan: true\n---\n\n# {file}\n\n````{language}\n{text}````\n"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
