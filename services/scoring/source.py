"""Where the images of a batch lie: they are named one after the other, and read by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from tocoad.data.listing import is_image_name, is_left_behind, walk_images
from tocoad.data.problems import DataError, Problem
from tocoad.errors import SettingsError
from tocoad.files.remote_url import S3

Listed = tuple[str, str]
"""An image's name, its path below the source, and a stamp that is another when the image is."""


class Source(Protocol):
    """Threads may read at the same time."""

    place: str
    """As the user named it; with a slash and an image's name it is what that image is called."""

    def images(self, other: Callable[[str], object]) -> Iterator[Listed]:
        """In no order; `other` hears the names of what else lies there.

        Raises:
            DataError: a folder cannot be listed.
            StoreError, StoreAwayError: of a bucket.
        """

    def read(self, name: str) -> bytes:
        """The file as it is.

        Raises:
            DataError: it cannot be read; the others may.
            StoreError, StoreAwayError: of a bucket.
        """


def open_source(place: str, folder: Path | None = None) -> Source:
    """`place` is a folder or `s3://BUCKET/PREFIX`; `folder` where the folder's images are at hand, if elsewhere.

    Raises:
        SettingsError: it is neither.
    """
    if place.startswith(S3):
        from services.scoring.bucket import BucketSource

        return BucketSource(place)
    return FolderSource(place, Path(place) if folder is None else folder)


class FolderSource:
    """With all that lies below it."""

    def __init__(self, place: str, folder: Path) -> None:
        if not folder.is_dir():
            raise SettingsError(f"{place}: no such folder; a source of images is a folder or {S3}BUCKET/PREFIX")
        self.place, self.folder = place.rstrip("/") or "/", folder

    def images(self, other: Callable[[str], object]) -> Iterator[Listed]:
        below = len(str(self.folder).rstrip("/")) + 1
        for entry, is_image in walk_images(self.folder):
            name = entry.path[below:]
            if not is_image:
                other(name)
                continue
            try:
                stat = entry.stat()
                yield name, f"{stat.st_size} {stat.st_mtime_ns}"
            except OSError:  # a broken link, or gone already: it is told when it is to be read
                yield name, ""

    def read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise DataError([Problem(Path(name), f"cannot be read ({error.strerror or error})")]) from None


def is_image_key(name: str) -> bool | None:
    """Of an object what `walk_images` says of a file; None where it is left behind, or in a folder that is."""
    parts = PurePosixPath(name).parts
    if name.endswith("/") or any(map(is_left_behind, parts)):
        return None
    return bool(parts) and is_image_name(parts[-1])
