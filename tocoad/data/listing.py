"""Which files are images: one rule for what is added, checked, trained on and predicted. By names; nothing is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tocoad.data.problems import DataError, Problem

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

# What systems leave behind. Everything else that is not an image is named.
_LEFT_BEHIND = ("thumbs.db", "desktop.ini", "__macosx")


def is_left_behind(name: str) -> bool:
    """Hidden, or left by a system: a file or folder that no person means by "my images", and that nobody is told of."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def is_image_name(name: str) -> bool:
    """By suffix, in any letter case; never what is left behind (`._part.png` is macOS's note beside `part.png`)."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_left_behind(name)


def first_names(names: Iterable[str]) -> str:
    """The first three, for a line about hundreds."""
    listed = list(names)
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")


@dataclass(frozen=True)
class Listing:
    """What lies below a folder, in order of path: the images, and all else that was not left behind by a system."""

    images: tuple[Path, ...]
    others: tuple[Path, ...]


def list_images(folder: Path, leave_out: Path | None = None) -> Listing:
    """Everything below `folder`, apart from the folder `leave_out`. Links to folders are not followed: they are among
    the others.

    Raises:
        DataError: a folder cannot be listed.
    """
    images: list[Path] = []
    others: list[Path] = []
    for entry, is_image in walk_images(folder, leave_out):
        (images if is_image else others).append(Path(entry.path))
    return Listing(tuple(sorted(images)), tuple(sorted(others)))


def walk_images(folder: Path, leave_out: Path | None = None) -> Iterator[tuple[os.DirEntry[str], bool]]:
    """The same one by one, in no order, with whether it is an image: for more of them than memory holds.

    Raises:
        DataError: a folder cannot be listed.
    """
    to_do = [str(folder)]
    while to_do:
        here = to_do.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if is_left_behind(entry.name):
                        continue
                    if not entry.is_dir(follow_symlinks=False):
                        yield entry, _is_image(Path(entry.path))
                    elif leave_out is None or Path(entry.path) != leave_out:
                        to_do.append(entry.path)
        except OSError as error:
            raise DataError([Problem(Path(here), f"cannot be listed ({error.strerror})")]) from None


def _is_image(file: Path) -> bool:
    """A broken link of an image's name is one that cannot be read; a pipe would be waited for without end."""
    return is_image_name(file.name) and (file.is_file() or not file.exists())
