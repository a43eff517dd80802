"""Objects by the hashes that dvc.lock has, in a folder or a bucket. The layout is DVC's own: it sees the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from services.store.check import check
from services.store.errors import DamagedError
from services.store.objects import FOLDER_MARK, PARTS, Found, Place, files_of, is_named, read_through
from services.store.patience import PATIENCE_SECONDS, patiently


def open_store(url: str, settings: Mapping[str, Any] | None = None, patience: float = PATIENCE_SECONDS) -> Store:
    """The store at `s3://BUCKET/PREFIX`, or in a folder; nothing is asked yet.

    `settings` are DVC's of a remote (`endpointurl`, `profile` ...); a store that is away is waited for `patience`
    seconds in a row.

    Raises:
        StoreError: DVC has no client for such a URL.
    """
    from services.store.folder import FolderPlace

    if "://" not in url:
        return Store(FolderPlace(Path(url)), patience)
    from services.store.remote import RemotePlace

    return Store(RemotePlace(url, settings or {}), patience)


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
        with self.place.scratch() as scratch:
            return files_of(self.read(folder, scratch))

    def read(self, name: str, scratch: Path) -> bytes:
        """What lies under the hash, checked. Raises AbsentError, DamagedError."""

        def ask() -> bytes:
            pieces: list[bytes] = []
            with self.place.at_hand(name, scratch) as file:
                digest, _ = read_through(file, pieces.append)
            if not is_named(name, digest):
                raise DamagedError(f"{self}: object {name} is damaged")
            return b"".join(pieces)

        return patiently(ask, self.patience)

    def damaged(self, hashes: Iterable[str]) -> set[str]:
        """Those whose object is something else than its hash says: all of them are read."""

        def is_damaged(name: str) -> bool:
            def ask() -> str:
                with self.place.at_hand(name, scratch) as file:
                    return read_through(file, lambda _: None)[0]

            return not is_named(name, patiently(ask, self.patience))

        names = sorted(set(hashes))
        with self.place.scratch() as scratch, ThreadPoolExecutor(self.place.jobs) as pool:
            return {name for name, found in zip(names, pool.map(is_damaged, names), strict=True) if found}

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

    def check(self) -> None:
        """Writes an object, finds it, reads it back and deletes it: what a push and a restore need.

        Raises:
            StoreError, StoreAwayError: the line says at which of these it failed, and why.
        """
        check(self.place)
