"""Objects from one store into another: what is there is not moved again, and nothing is taken that is not what its hash
says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from services.store.errors import AbsentError, DamagedError
from services.store.objects import FOLDER_MARK, files_of
from services.store.patience import patiently
from services.store.store import Store

Progress = Callable[[int, int, int], object]
"""Objects moved, of how many, and bytes moved."""


@dataclass(frozen=True)
class Moved:
    """What was not there before."""

    objects: int = 0
    bytes: int = 0

    def __add__(self, other: Moved) -> Moved:
        return Moved(self.objects + other.objects, self.bytes + other.bytes)


def transfer(source: Store, target: Store, hashes: Iterable[str], progress: Progress | None = None) -> Moved:
    """Of folders' hashes the files come too, and the folder last: what was broken off never looks complete.

    Raises:
        AbsentError, DamagedError: objects are in neither store, or damaged; all others have been moved.
        StoreError: another reason that another try meets again.
        StoreAwayError: a store was away for longer than it is waited for; what was moved stays.
    """
    with target.place.scratch() as scratch:
        return _Transfer(source, target, scratch, progress or (lambda *_: None)).run(set(hashes))


class _Transfer:
    def __init__(self, source: Store, target: Store, scratch: Path, progress: Progress) -> None:
        self._source, self._target, self._scratch, self._progress = source, target, scratch, progress
        self._jobs = max(source.place.jobs, target.place.jobs)
        self._patience = min(source.patience, target.patience)
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._moved, self._total = Moved(), 0
        self._absent: list[str] = []
        self._damaged: list[str] = []

    def run(self, hashes: set[str]) -> Moved:
        folders = {name for name in hashes if name.endswith(FOLDER_MARK)}
        files_in: dict[str, set[str]] = {}
        self._each(folders, lambda name: files_in.update({name: self._files_in(name)}))
        missing = self._target.missing(hashes.union(*files_in.values()))
        self._total = len(missing)
        self._each(missing - folders, self._move)
        failed = {*self._absent, *self._damaged}
        self._each({name for name in missing & folders if not failed & (files_in.get(name, failed))}, self._move)
        if self._absent or self._damaged:
            # Its kind says that it may be put there anew, which no key and no bucket is mended by.
            raise (AbsentError if self._absent else DamagedError)("; ".join(self._failures()))
        return self._moved

    def _each(self, names: set[str], work: Callable[[str], object]) -> None:
        """In threads that take the next as they are done: ten thousands of names are no queue of as many tasks."""
        left = iter(sorted(names))
        with ThreadPoolExecutor(max(1, min(self._jobs, len(names)))) as pool:
            try:
                for worker in [pool.submit(self._work, left, work) for _ in range(self._jobs)]:
                    worker.result()
            finally:
                # Ctrl-C, or a store that is away for one is so for all.
                self._stopped.set()
        self._stopped.clear()

    def _work(self, left: Iterator[str], work: Callable[[str], object]) -> None:
        try:
            while not self._stopped.is_set():
                with self._lock:
                    name = next(left, None)
                if name is None:
                    return
                try:
                    work(name)
                except AbsentError:
                    self._absent.append(name)
                except DamagedError:
                    self._damaged.append(name)
        except BaseException:
            self._stopped.set()
            raise

    def _files_in(self, folder: str) -> set[str]:
        """From the nearer store, if it has the list, sound."""
        near, far = sorted((self._source, self._target), key=lambda store: not store.place.is_near)
        try:
            return self._listed(near, folder)
        except (AbsentError, DamagedError):
            return self._listed(far, folder)

    def _listed(self, store: Store, folder: str) -> set[str]:
        try:
            return set(files_of(store.read(folder, self._scratch)).values())
        except DamagedError:
            store.give_free(folder)
            raise

    def _move(self, name: str) -> None:
        size = self._looked_at_twice(name)
        with self._lock:
            self._moved += Moved(1, size)
            self._progress(self._moved.objects, self._total, self._moved.bytes)

    def _looked_at_twice(self, name: str) -> int:
        """What is damaged where it lies comes so again, and gives its hash free for who has the sound object; what was
        damaged on the way does not.
        """
        try:
            return self._taken(name)
        except DamagedError as first:
            try:
                return self._taken(name)
            except DamagedError as second:
                if str(first) == str(second):
                    self._source.give_free(name)
                raise

    def _taken(self, name: str) -> int:
        def ask() -> int:
            try:
                with self._source.place.at_hand(name, self._scratch) as file:
                    return self._target.place.take(name, file, self._scratch)
            except FileNotFoundError as error:
                raise AbsentError(f"{self._source}: object {name} was removed meanwhile") from error

        return patiently(ask, self._patience, self._stopped)

    def _failures(self) -> Iterator[str]:
        way_out = "push, or dvc commit, again where it is sound"
        if self._absent:
            which = _some(self._absent)
            yield f"{self._source}: {which} not there, and not in {self._target}: {way_out}"
        if self._damaged:
            yield f"{self._source}: {_some(self._damaged)} damaged and not taken: {way_out}"


def _some(names: list[str]) -> str:
    first = f"object {min(names)}"
    return f"{first} is" if len(names) == 1 else f"{len(names)} objects (of which {first}) are"
