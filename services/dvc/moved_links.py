"""DVC's links to its cache (`cache.type symlink`) name it in full: in a workspace that moved they lead to where it was,
and in a copy into the original. DVC itself then fails, or reads there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tocoad.errors import StageError
from tocoad.files.documents import TRACKED

_OBJECT = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


class LostLinkError(StageError):
    """A file of the workspace is a link into the DVC cache of another, and its own cache has not what it holds."""


def cache_dir(root: Path, settings: Mapping[str, Any]) -> Path:
    """Of a workspace with these settings of `cache`."""
    configured = settings.get("dir")
    return Path(configured) if configured else root / ".dvc" / "cache"


def follow_links(root: Path, settings: Mapping[str, Any]) -> None:
    """Where DVC links files to its cache: lets the links lead to this workspace's."""
    if "symlink" in (settings.get("type") or ()):
        repoint([root / folder for folder in (*TRACKED, "work")], cache_dir(root, settings))


def repoint(folders: Iterable[Path], cache: Path) -> None:
    """Lets every link below the folders that leads to an object of another DVC cache lead to the same in this one.

    Raises:
        LostLinkError: this cache lacks one; links that were looked at before lead to it already.
    """
    for folder in folders:
        if folder.is_dir():
            for link in _links(str(folder)):
                _repoint(link, str(cache))


def _links(folder: str) -> Iterator[str]:
    """All below the folder. It is walked at every opening of DVC: what the folder's own listing tells, and no more."""
    with os.scandir(folder) as entries:
        for entry in list(entries):  # some are replaced meanwhile
            if entry.is_symlink():
                yield entry.path
            elif entry.is_dir():
                yield from _links(entry.path)


def _repoint(place: str, cache: str) -> None:
    target = os.readlink(place)  # noqa: PTH115  (a Path for each takes longer than the rest)
    found = _OBJECT.search(target)
    if found is None or target.startswith(f"{cache}/"):
        return
    link, new = Path(place), Path(f"{cache}{found[0]}")
    if not new.exists():
        raise LostLinkError(
            f"{link} is a link into the DVC cache of another place ({target}), and {cache} lacks the file: "
            "bring that cache along, or run dvc fetch"
        )
    scratch = link.with_name(f".{link.name[:200]}.link")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(new)
    scratch.replace(link)
