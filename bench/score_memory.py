"""The memory of a batch in the process that leads it: listing, and writing the table. Each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.timing import Row, greatest_resident_set
from services.scoring.batch import Batch, Begun, LeftOut
from services.scoring.journal import Row as Scored
from services.scoring.journal import line_of
from services.scoring.listing import Listing, write_listing
from services.scoring.source import FolderSource
from services.scoring.table import write_table

SIZES = (10_000, 1_000_000)


def memory_rows() -> list[Row]:
    rows = []
    for images in SIZES:
        command = [sys.executable, "-m", __name__, str(images)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
        rows += [
            Row(f"{images:,} images: greatest resident set", told["peak"] / 2**20, "MiB"),
            Row(f"{images:,} images: seconds to list them", told["listed"], "s"),
            Row(f"{images:,} images: seconds to write the table", told["written"], "s"),
            Row(f"{images:,} images: on disk meanwhile", told["bytes"] / images, "bytes an image"),
        ]
    return rows


def _measure(images: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="tocoad-bench-") as scratch:
        root = Path(scratch)
        begin = time.perf_counter()
        listing = write_listing(_found(images), root / "listing")
        listed = time.perf_counter() - begin
        made = _batch(root, listing)
        begin = time.perf_counter()
        write_table(root / "scores.parquet", made.table(), {})
        written = time.perf_counter() - begin
        kept = (listing.file, *(root / "shards").iterdir())
        taken = sum(file.stat().st_size for file in kept)
    return {"peak": greatest_resident_set(), "listed": listed, "written": written, "bytes": taken}


def _found(images: int) -> Iterator[tuple[str, str]]:
    """In an order that is not theirs."""
    for number in range(images):
        index = number * 7919 % images
        yield f"2026-01-{index % 28 + 1:02d}/camera-{index % 3}/part-{index:08d}.png", f"{100_000 + index} {index}"


def _batch(root: Path, listing: Listing) -> Batch:
    """With all of its rows."""
    begun = Begun(
        model="bench", package="", place="line", images=listing.images, listing=listing.digest, left_out=LeftOut()
    )
    made = Batch(root, FolderSource("line", root), begun, listing, 0)
    (root / "shards").mkdir()
    for shard in range(listing.shards):
        scores = (shard + place / 7 for place in range(listing.size(shard)))
        lines = (line_of(place, Scored(score, score > 1000)) for place, score in enumerate(scores))
        made.journal(shard).write_text("".join(lines), encoding="ascii")
    return made


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
