"""Objects into the workspace's cache: what is missing or damaged there comes from the remote, or from a file of the
workspace that has the very same content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.dvc.remote import local_store, remote_store
from services.store.errors import AbsentError, DamagedError, StoreError
from services.store.objects import FOLDER_MARK
from services.store.transfer import Moved, Progress, transfer
from tocoad.files.workspace import Workspace

Place = Mapping[str, str]
"""By hash, a path below the workspace that needs it."""


@dataclass(frozen=True)
class Brought:
    """`healed` names what was damaged, and where it was put aside."""

    moved: Moved = field(default_factory=Moved)
    healed: tuple[str, ...] = ()

    def __add__(self, other: Brought) -> Brought:
        return Brought(self.moved + other.moved, self.healed + other.healed)


class Bringing:
    """Of one workspace. Raises StoreError for what a person must mend, StoreAwayError for what may pass."""

    def __init__(self, workspace: Workspace) -> None:
        self._root = workspace.root
        self._local, self._remote = local_store(workspace), remote_store(workspace)

    def listing(self, folder: str, needed_by: str) -> dict[str, str]:
        """Of a folder's hash the hashes of its files, by path."""
        try:
            return self._local.listing(folder)
        except (AbsentError, DamagedError) as error:
            if self._remote is None:
                raise _nowhere(1, needed_by, str(error)) from error
        try:
            return self._remote.listing(folder)
        except StoreError as error:
            raise StoreError(f"{needed_by}: {error}") from error

    def keep_listing(self, folder: str) -> None:
        """The list of a folder, which `listing` has found, is in the cache then."""
        if self._remote is None or not self._local.missing([folder]):
            return
        with self._local.place.scratch() as scratch:
            file = scratch / folder
            file.write_bytes(self._remote.read(folder, scratch))
            self._local.place.take(folder, file, scratch)

    def bring(
        self, wanted: Place, lying: Mapping[str, Path], progress: Progress, unread: Collection[str] = ()
    ) -> Brought:
        """All of these objects, folders' lists and files, are in the cache then, each read through but the `unread`.
        `lying` are files of the workspace, by the hash that they were seen to have.
        """
        missing = self._local.missing(wanted)
        damaged = sorted(self._local.damaged({name for name in wanted if name not in missing and name not in unread}))
        healed = tuple(
            f"{wanted[name]}: its object was damaged; it is put aside as {self._local.place.set_aside(name)}"
            for name in damaged
        )
        missing.update(damaged)
        self.save({name: lying[name] for name in missing if name in lying})
        missing = self._local.missing(missing)
        if missing and self._remote is None:
            raise _nowhere(len(missing), wanted[min(missing)], f"object {min(missing)} is not in {self._local}")
        if not missing or self._remote is None:
            return Brought(Moved(), healed)
        try:
            return Brought(transfer(self._remote, self._local, missing, progress), healed)
        except StoreError as error:
            left = self._local.missing(missing)
            # A folder's list does not come before its files.
            files = sorted(wanted[name] for name in left if not name.endswith(FOLDER_MARK)) or sorted(
                wanted[name] for name in left
            )
            raise StoreError(f"{_which(files[0], len(files))}: {error}") from error

    def save(self, files: Mapping[str, Path]) -> None:
        """Files of the workspace into the cache, by hash; of one that is another by now, nothing is taken."""
        if not files:
            return
        with self._local.place.scratch() as scratch:
            for name, file in files.items():
                try:
                    self._local.place.take(name, file, scratch)
                except DamagedError:
                    continue

    def absent(self, hashes: Iterable[str]) -> set[str]:
        """Those that the cache lacks."""
        return self._local.missing(hashes)


def _nowhere(count: int, path: str, reason: str) -> StoreError:
    return StoreError(f"{_which(path, count)}: {reason}, and no remote is configured: tocoad remote set URL")


def _which(path: str, count: int) -> str:
    return path if count == 1 else f"{path} and {count - 1} more"
