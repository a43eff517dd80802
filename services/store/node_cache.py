"""What a node's jobs read and made, by hash: what one of them fetched the next has at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.store.errors import AbsentError, DamagedError, StoreError
from services.store.folder import FolderPlace
from services.store.folders import get_folder, put_folder
from services.store.objects import FOLDER_MARK, is_named, md5_of_file
from services.store.store import Store
from services.store.transfer import Moved, transfer
from services.store.uses import Uses
from tocoad.errors import StageError
from tocoad.files.process_lock import locked

_TRIES = 5
"""Each mends what was found damaged or taken away in the one before; others do so at the same time."""


class NodeCache:
    """Any number of processes of the node use it at once. It holds `limit_bytes`, and above that what is needed at this
    moment: objects in use by a call, and files that a job's folder links. What was not used for longest goes first.

    Any of its methods raises:
        StoreError: an object is in neither store, or damaged in both; or the cache's folder cannot be used.
        StoreAwayError: the far store was away for longer than it is waited for.
        StageError: the disk is full.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._place, self._limit = _CachePlace(folder), limit_bytes
        self._store = Store(self._place)
        self._uses = Uses(folder / "uses")

    def fetch(self, far: Store, hashes: Iterable[str]) -> Moved:
        """Brings what is not here yet; of folders the files too."""
        names = set(hashes)

        def fetch() -> Moved:
            with self._in_use(far, names):
                moved = transfer(far, self._store, names)
                if moved.objects:
                    self._shrink(self._limit)
            return moved

        return self._with_room(fetch)

    def place(self, far: Store, name: str, target: Path) -> Moved:
        """Puts the folder of this hash in place of what `target` was, as read-only hard links into the cache, or copies
        on another disk. Every byte is read and checked each time: a stage that runs as root can write through a link,
        and size and time of a file say nothing of a bad disk. What is damaged or missing comes anew, as a new file.
        """

        def place() -> Moved:
            with self._in_use(far, {name}):
                moved = self._placed(far, name, target)
                self._place.use(name)
                if moved.objects:
                    self._shrink(self._limit)
            return moved

        return self._with_room(place)

    def put(self, folder: Path, far: Store) -> tuple[str, Moved]:
        """As `put_folder` into the far store; the cache keeps a copy, if it can."""
        name, moved = put_folder(folder, far)
        with suppress(StoreError, StageError):
            put_folder(folder, self._store)
            self._shrink(self._limit)
        return name, moved

    def shrink(self) -> None:
        """To its limit, if it can; for the end of a job, whose links have gone."""
        with suppress(StoreError, StageError):
            self._shrink(self._limit)

    def _placed(self, far: Store, name: str, target: Path) -> Moved:
        moved = Moved()
        for left in reversed(range(_TRIES)):
            moved += transfer(far, self._store, [name])
            try:
                get_folder(self._store, name, target, link=True)
                break
            except (AbsentError, DamagedError):
                if not left:
                    raise
        return moved

    def _with_room(self, bring: Callable[[], Moved]) -> Moved:
        """On a disk that has less room than the limit lets it take, what nobody needs goes first."""
        try:
            return bring()
        except StageError:
            if not self._shrink(0):
                raise
            return bring()

    @contextmanager
    def _in_use(self, far: Store, names: set[str]) -> Iterator[None]:
        folders = {name for name in names if name.endswith(FOLDER_MARK)}
        with self._uses.of(names.union(*(self._files_in(far, folder) for folder in folders))):
            yield

    def _files_in(self, far: Store, folder: str) -> set[str]:
        """Empty where nobody has the list: what brings the folder says so, and how to mend it."""
        for store in (self._store, far):
            with suppress(AbsentError, DamagedError):
                return set(store.listing(folder).values())
        return set()

    def _shrink(self, limit: int) -> bool:
        """Whether something went."""
        with self._uses.settled() as needed:
            found = list(self._store.objects())
            over, going = sum(one.bytes for one in found) - limit, set()
            # To link a file and to take a link away count as its last change, and so does its coming.
            for one in sorted(found, key=lambda one: one.changed or 0):
                if over <= 0:
                    break
                if one.links == 1 and one.name not in needed:
                    going.add(one.name)
                    over -= one.bytes
            self._store.remove(going)
        return bool(going)


class _CachePlace(FolderPlace):
    def use(self, name: str) -> None:
        """The list of a folder's files is read, and not linked."""
        with suppress(FileNotFoundError):
            os.utime(self._file(name))

    def set_aside(self, name: str) -> str:
        """Takes it away: the far store has it sound. Another process may have healed it meanwhile."""
        file = self._file(name)
        with self._told(file), locked(self._objects), suppress(FileNotFoundError):
            if not is_named(name, md5_of_file(file)):
                file.unlink()
        return str(file)
