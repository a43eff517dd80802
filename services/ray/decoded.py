"""What the jobs of a node keep for each other beside the objects: decoded images, by content, which are read many times
as fast as they are made (docs/results/cluster.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SHARE = 0.2
"""Of a node's cache."""


class Decoded:
    """Below `folder`, at most `limit_bytes` of it after `shrink`. Any file may go at any time: a job makes it anew."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit = folder, limit_bytes

    def of(self, owner: str) -> Path:
        """The `cache_dir` of this owner's stages."""
        return self._folder / owner

    def shrink(self) -> None:
        """What was not used for longest goes first; who reads a file touches it."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, file in files:
            if total <= self._limit:
                return
            with suppress(OSError):
                file.unlink(missing_ok=True)
            total -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for file in self._folder.rglob("*"):
            with suppress(FileNotFoundError):
                if file.is_file():
                    there = file.stat()
                    yield there.st_mtime, there.st_size, file
