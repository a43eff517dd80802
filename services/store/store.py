"""Objects by the hashes that dvc.lock has, in a folder or a bucket. The layout is DVC's own: it sees the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from services.store.check import check
from services.store.errors import DamagedError, StoreAwayError, StoreError
from services.store.objects import FOLDER_MARK, PARTS, Found, Place, files_of, is_named, read_through
from services.store.patience import PATIENCE_SECONDS, patiently
from tocoad.data.threads import in_batches, thread_pool
from tocoad.files.temporary import temporary_folder
from tocoad.text.redaction import redacted

LOOKS = 2
"""What arrives damaged is asked for once more: was it so on its way, or is it so where it lies?"""


def open_store(url: str, settings: Mapping[str, Any] | None = None, patience: float = PATIENCE_SECONDS) -> Store:
    """The store at `s3://BUCKET/PREFIX`, or in a folder; nothing is asked yet.

    `settings` are DVC's of a remote (`endpointurl`, `profile` ...); a store that is away is waited for `patience`
    seconds in a row.

    Raises:
        StoreError: it is neither.
    """
    from services.store.folder import FolderPlace

    if "://" not in url:
        return Store(FolderPlace(Path(url)), patience)
    if not url.startswith("s3://"):
        raise StoreError(f"{redacted(url)}: a store is a folder, or s3://BUCKET/PREFIX")
    from services.store.bucket import BucketPlace

    return Store(BucketPlace(url, settings or {}), patience)


class Store:
    """Any of its methods raises StoreError for what a person must mend, StoreAwayError for what may pass."""

    def __init__(self, place: Place, patience: float = PATIENCE_SECONDS) -> None:
        self.place, self.patience = place, patience

    def __str__(self) -> str:
        return self.place.name

    def missing(self, hashes: Iterable[str]) -> set[str]:
        """Those of which there is no object. A folder's hash stands for its list alone, not for its files."""
        wanted = set(hashes)
        return wanted - patiently(lambda: self.place.existing(wanted), self.patience)

    def objects(self) -> Iterator[Found]:
        """All that lie there, of whomever, in no order."""

        def ask(part: str) -> list[Found]:
            return patiently(lambda: self.place.found(part), self.patience)

        with ThreadPoolExecutor(self.place.jobs) as pool:
            for found in pool.map(ask, PARTS):
                yield from found

    def listing(self, folder: str) -> dict[str, str]:
        """Of a folder's hash the hashes of its files, by path. Raises AbsentError, DamagedError."""
        with _scratch() as scratch:
            listing = self.read(folder, scratch)
        try:
            return files_of(listing)
        except DamagedError as error:
            raise DamagedError(f"{self}: object {folder}: {error}") from error

    def read(self, name: str, scratch: Path) -> bytes:
        """What lies under the hash, checked. Raises AbsentError, DamagedError."""
        for _ in range(LOOKS):
            pieces: list[bytes] = []
            if is_named(name, self._digest(name, scratch, pieces)):
                return b"".join(pieces)
        raise DamagedError(f"{self}: object {name} is damaged")

    def damaged(self, hashes: Iterable[str]) -> set[str]:
        """Those whose object is something else than its hash says: all of them are read. Raises AbsentError."""
        names = sorted(set(hashes))
        with _scratch() as scratch, thread_pool(self.place.jobs) as pool:
            digests = in_batches(pool, lambda name: self._digest(name, scratch), names)
            return {name for name, digest in zip(names, digests, strict=True) if not is_named(name, digest)}

    def _digest(self, name: str, scratch: Path, pieces: list[bytes] | None = None) -> str:
        """Of what lies there, whose pieces are kept where there is a list for them; empty where none can be had."""

        def ask() -> str:
            with self.place.at_hand(name, scratch) as file:
                return read_through(file, (lambda _: None) if pieces is None else pieces.append)[0]

        try:
            return patiently(ask, self.patience)
        except DamagedError:
            return ""

    def give_free(self, name: str) -> None:
        """Sets a damaged object aside, for who has the sound one. Not every key may do so."""
        with suppress(StoreError, StoreAwayError):
            self.place.set_aside(name)

    def remove(self, hashes: Iterable[str], progress: Callable[[], object] = lambda: None) -> None:
        """Takes them away, folders first: what is left of a removal that was broken off does not look complete.
        `progress` is called after each.
        """

        def remove(name: str) -> None:
            patiently(lambda: self.place.remove(name), self.patience)

        names = set(hashes)
        folders = {name for name in names if name.endswith(FOLDER_MARK)}
        with ThreadPoolExecutor(self.place.jobs) as pool:
            for part in (folders, names - folders):
                for _ in pool.map(remove, part):
                    progress()

    def write_note(self, name: str, content: bytes) -> None:
        """A small document by a name of its own (`a/b`), beside the objects, of which it may name some. The last writer
        wins.
        """
        patiently(lambda: self.place.write_note(name, content), self.patience)

    def note(self, name: str) -> bytes | None:
        """None where there is none."""
        return patiently(lambda: self.place.note(name), self.patience)

    def remove_note(self, name: str) -> None:
        patiently(lambda: self.place.remove_note(name), self.patience)

    def notes(self) -> list[Found]:
        """All that lie there, of whomever."""
        return patiently(self.place.notes, self.patience)

    def check(self) -> None:
        """Writes an object, finds it, reads it back and deletes it: what a push and a restore need.

        Raises:
            StoreError, StoreAwayError: the line says at which of these it failed, and why.
        """
        check(self.place)


def _scratch() -> AbstractContextManager[Path]:
    """Elsewhere: a store that is only read need not be one that may be written."""
    return temporary_folder("store")
