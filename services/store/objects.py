"""Objects by their md5, as DVC names them, and what a place must be able to do that keeps them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from services.store.errors import DamagedError

FOLDER_MARK = ".dir"
"""Ends the hash of a folder, whose object is the list of its files."""
LAYOUT = ("files", "md5")
ASIDE = ("files", "damaged")
NOTES = "notes"
PARTS = tuple(f"{number:02x}" for number in range(256))
"""Objects lie in a folder by the first two letters of their hash."""
_CHUNK = 2**20
_HASH = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


@dataclass(frozen=True)
class Found:
    """An object, or a note, as it lies in its place. `changed` is when it came there, in seconds since 1970; None where
    that is not known. `links` are the names that its file has: with more than one it takes room elsewhere too.
    """

    name: str
    bytes: int
    changed: float | None
    links: int = 1


class Place(Protocol):
    """A folder, or a prefix in a bucket. Each of these may raise StoreError, and StoreAwayError for what may pass."""

    name: str
    """Its URL, as it may be printed."""
    jobs: int
    """How many objects may be on their way at once."""
    is_near: bool
    """Whether a look there costs no request."""

    def existing(self, hashes: set[str]) -> set[str]:
        """Those of which there is an object, whatever it holds."""

    def found(self, part: str) -> list[Found]:
        """All objects whose hash begins so, with two letters."""

    def scratch(self) -> AbstractContextManager[Path]:
        """A folder for what is on its way here; it goes with the block, or after the death of its process."""

    def at_hand(self, name: str, scratch: Path) -> AbstractContextManager[Path]:
        """A file with what lies under the hash, for the block. Raises AbsentError."""

    def take(self, name: str, file: Path, scratch: Path) -> int:
        """Puts the file's content, which is read once, under its hash; returns the size. A file in `scratch` is gone
        afterwards. Raises DamagedError where the content has another hash: then nothing is put.
        """

    def remove(self, name: str) -> None:
        """Takes the object away, if it is there."""

    def set_aside(self, name: str) -> str:
        """Gives the hash free; what lay under it is kept, and this says where."""

    def write_note(self, name: str, content: bytes) -> None:
        """Whole or not at all."""

    def note(self, name: str) -> bytes | None:
        """None where there is none."""

    def remove_note(self, name: str) -> None:
        """If it is there."""

    def notes(self) -> list[Found]:
        """All of them."""


def md5_of(content: bytes = b"") -> hashlib._Hash:
    """A name, and no secret."""
    return hashlib.md5(content, usedforsecurity=False)


def read_through(file: Path | str, use: Callable[[bytes], object]) -> tuple[str, int]:
    """Hands the content on in pieces; returns its md5 and its size."""
    digest, size = md5_of(), 0
    # Ten thousands of small files: each buffer that nobody needs takes as long as the reading.
    with open(file, "rb", buffering=0) as stream:  # noqa: PTH123
        piece_bytes = min(os.fstat(stream.fileno()).st_size + 1, _CHUNK)
        while piece := stream.read(piece_bytes):
            digest.update(piece)
            size += len(piece)
            use(piece)
    return digest.hexdigest(), size


def md5_of_file(file: Path | str) -> str:
    return read_through(file, lambda _: None)[0]


def copy_through(source: str, target: str) -> str:
    """Into a new file; returns the md5 of what was read."""
    with open(target, "xb") as copy:  # noqa: PTH123
        return read_through(source, copy.write)[0]


def is_hash(name: str) -> bool:
    """And not what else may lie there: half an upload of DVC's, a file of somebody's."""
    return _HASH.fullmatch(name) is not None


def is_named(name: str, digest: str) -> bool:
    """Whether an object of this digest has this hash for its name."""
    return name.removesuffix(FOLDER_MARK) == digest


def files_of(listing: bytes) -> dict[str, str]:
    """Of a folder's object the hashes of its files, by their paths in the folder.

    Raises:
        DamagedError: it is no such list, or leads out of the folder.
    """
    try:
        files = {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(listing)}
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"the list of a folder's files is none ({type(error).__name__})") from error
    for path, name in files.items():
        if not is_hash(name) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise DamagedError(f"the list of a folder's files has {path!r}, which is no file of a folder")
    return files


def listing_of(files: Mapping[str, str]) -> bytes:
    """The object of a folder with these files, to the byte as DVC writes it."""
    entries = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return json.dumps(entries, sort_keys=True).encode()
