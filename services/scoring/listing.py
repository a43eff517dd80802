"""The images of a batch in a file, in order of their names: a million of them are never in memory at once."""

from __future__ import annotations

import hashlib
import heapq
import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from services.scoring.source import Listed

SHARD = 64
"""Images that a worker is handed at a time. So many take a second or more, and to hand them over some milliseconds."""
_SORTED_AT_ONCE = 100_000
_MOST_OPEN = 100


@dataclass(frozen=True)
class Listing:
    """`starts` are where each shard begins in the file; `digest` is of all names and stamps."""

    file: Path
    images: int
    digest: str
    starts: array[int]

    @property
    def shards(self) -> int:
        return len(self.starts)

    def size(self, shard: int) -> int:
        """How many images the shard has."""
        return min(SHARD, self.images - shard * SHARD)

    def names(self, shard: int) -> list[str]:
        """Of the shard's images, in order."""
        with self.file.open("rb") as stream:
            stream.seek(self.starts[shard])
            return [json.loads(line)[0] for line in islice(stream, SHARD)]


def write_listing(images: Iterable[Listed], file: Path, progress: Callable[[int], object] = lambda _: None) -> Listing:
    """Sorts what there is room for, then merges; what is between lies beside `file`. `progress` hears how many it
    are by now.
    """
    rest, runs, count = iter(images), list[Path](), 0
    while part := sorted(islice(rest, _SORTED_AT_ONCE)):
        count += len(part)
        progress(count)
        runs.append(file.with_name(f"{file.name}.{len(runs)}"))
        _write(part, runs[-1])
        if len(runs) % _MOST_OPEN == 0:  # files that a process may have open are few
            _merge(runs, merged := file.with_name(f"{file.name}.merged"))
            runs = [merged.rename(file.with_name(f"{file.name}.0"))]
    _merge(runs, file)
    return read_listing(file)


def read_listing(file: Path) -> Listing:
    """As `write_listing` has written it."""
    starts, digest, position, images = array("Q"), hashlib.sha256(), 0, 0
    with file.open("rb") as stream:
        for images, line in enumerate(stream, start=1):
            if images % SHARD == 1:
                starts.append(position)
            position += len(line)
            digest.update(line)
    return Listing(file, images, digest.hexdigest(), starts)


def _write(images: Iterable[Listed], file: Path) -> None:
    with file.open("w", encoding="ascii") as stream:
        stream.writelines(json.dumps(image) + "\n" for image in images)


def _merge(runs: list[Path], file: Path) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(run.open(encoding="ascii")) for run in runs]
        _write(heapq.merge(*map(_read, streams)), file)
    for run in runs:
        run.unlink()


def _read(stream: IO[str]) -> Iterator[Listed]:
    for line in stream:
        name, stamp = json.loads(line)
        yield name, stamp
