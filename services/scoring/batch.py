"""One batch: the listing and the journals of its shards, in a folder beside the file that is to have the results. The
folder is there from the first image to the last; whoever finds one goes on in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.scoring.journal import Row, Rows, read_rows
from services.scoring.listing import Listing, read_listing, write_listing
from services.scoring.source import Source
from tocoad.data.problems import DataError, Problem
from tocoad.errors import SettingsError
from tocoad.files.process_lock import is_free, locked
from tocoad.files.replacing import discarded, recover, replacing
from tocoad.text.printable import encodable

ENDING = ".parts"
_BEGUN, _LISTING, _SHARDS = "begun.json", "listing", "shards"
_ANEW = "--anew scores all of them"

Count = Callable[[int], object]


class LeftOut(BaseModel):
    """What lies among the images and is none: how many, and the first names."""

    count: int = 0
    first: tuple[str, ...] = ()

    def hear(self, name: str) -> None:
        self.count += 1
        self.first = tuple(sorted((*self.first, encodable(name)))[:3])


class Begun(BaseModel):
    """What the journals are of. `model` is what the user typed, `package` the digest of what that was."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    package: str
    place: str
    images: int
    listing: str
    left_out: LeftOut


@dataclass(frozen=True)
class Batch:
    """`found` is how many images earlier runs had scored."""

    folder: Path
    source: Source
    begun: Begun
    listing: Listing
    found: int

    def journal(self, shard: int) -> Path:
        return self.folder / _SHARDS / f"{shard:07d}.jsonl"

    def rows(self, shard: int) -> Rows:
        return read_rows(self.journal(shard))

    def known(self) -> Iterator[tuple[int, int, int]]:
        """Of each shard its number, how many images it has, and of how many of them the row is known."""
        for shard in range(self.listing.shards):
            yield shard, self.listing.size(shard), len(self.rows(shard))

    def table(self) -> Iterator[tuple[str, Row]]:
        """Every image's name and row, in order, once all are known."""
        for shard in range(self.listing.shards):
            rows = self.rows(shard)
            for place, name in enumerate(self.listing.names(shard)):
                yield f"{self.source.place}/{name}", rows[place]

    def remove(self) -> None:
        """When the results are in their file."""
        shutil.rmtree(self.folder)


@contextmanager
def batch(
    out: Path, source: Source, model: str, package: str, anew: bool = False, listed: Count = lambda _: None
) -> Iterator[Batch]:
    """The batch whose results go to `out`: one that was begun, of the same package and the same images, or a new one.
    `listed` hears how many images were found by now.

    Raises:
        SettingsError: another run works on it, or one was begun that is of something else, and `anew` does not say that
            it may go.
        DataError, StoreError, StoreAwayError: the source cannot be listed, or has no image.
    """
    folder = out.with_name(out.name + ENDING)
    recover(folder)
    begun = _begun(folder)
    if begun is not None:
        if not is_free(folder, unknown=True):
            raise _taken(folder)
        if anew:
            shutil.rmtree(folder)
            begun = None
    if begun is None:
        _begin(folder, source, model, package, listed)
    with locked(folder):
        if begun is not None:
            _refuse_other(folder, begun, package, source, listed)
        made = Batch(folder, source, _begun(folder) or _gone(folder), read_listing(folder / _LISTING), 0)
        found = sum(known for *_, known in made.known()) if begun is not None else 0
        yield Batch(folder, source, made.begun, made.listing, found)


def _begin(folder: Path, source: Source, model: str, package: str, listed: Count) -> None:
    left_out = LeftOut()
    with replacing(folder, _not_begun(folder)) as incoming:
        listing = write_listing(source.images(left_out.hear), incoming / _LISTING, listed)
        if not listing.images:
            raise DataError([Problem(Path(source.place), "no image in it (.png, .jpg, .bmp, .tif)")])
        begun = Begun(
            model=model,
            package=package,
            place=source.place,
            images=listing.images,
            listing=listing.digest,
            left_out=left_out,
        )
        (incoming / _SHARDS).mkdir()
        (incoming / _BEGUN).write_text(begun.model_dump_json(), encoding="utf-8")


@contextmanager
def _not_begun(folder: Path) -> Iterator[None]:
    """To list the images takes a while, in which another may have begun: what it works in is not replaced."""
    if folder.exists():
        raise _taken(folder)
    yield


def _begun(folder: Path) -> Begun | None:
    """None where there is no such folder."""
    if not folder.exists():
        return None
    try:
        return Begun.model_validate_json((folder / _BEGUN).read_bytes())
    except (OSError, ValidationError):
        raise SettingsError(
            f"{folder}: is in the way, and no batch that was begun: move it, or give another --out"
        ) from None


def _taken(folder: Path) -> SettingsError:
    return SettingsError(f"{folder}: another tocoad score works there; end it, or wait until it has ended")


def _gone(folder: Path) -> Begun:
    raise SettingsError(f"{folder}: another tocoad score has ended just now; run the same again")


def _refuse_other(folder: Path, begun: Begun, package: str, source: Source, listed: Count) -> None:
    if begun.package != package:
        raise SettingsError(
            f"{folder}: begun with another detector, as {begun.model} was then: name that one, or {_ANEW} with this"
        )
    # On the disk that has room for the other one; it goes again.
    with discarded(folder) as scratch:
        now = write_listing(source.images(lambda _: None), scratch / _LISTING, listed)
    if (source.place, now.digest) != (begun.place, begun.listing):
        changed = f"{begun.images} in {begun.place} then, {now.images} in {source.place} now"
        raise SettingsError(f"{folder}: begun with other images ({changed}, or some have changed): {_ANEW} again")
