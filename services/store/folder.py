"""Objects in a folder: a workspace's own cache, a disk that machines share, a node's cache."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from services.store.errors import AbsentError, DamagedError, StoreError
from services.store.objects import ASIDE, LAYOUT, NOTES, Found, is_hash, is_named, md5_of, read_through
from tocoad.files.full_disk import full_disk_named
from tocoad.files.process_lock import is_left, locked
from tocoad.files.replacing import sync, write_whole

_JOBS = 4
_EMPTY = md5_of().hexdigest()
_READ_ONLY = 0o444
"""Hard links from a workspace lead here. DVC takes what is read-only for checked."""
_INCOMING = ".incoming-"


class FolderPlace:
    """The folder is made with the first object. An object appears whole, by one rename."""

    def __init__(self, root: Path) -> None:
        self.name, self.jobs, self.is_near = str(root), _JOBS, True
        self._root, self._objects = root, root.joinpath(*LAYOUT)
        self._place = str(self._objects)

    def existing(self, hashes: set[str]) -> set[str]:
        return {name for name in hashes if self._is_there(name)}

    def path_of(self, name: str) -> str:
        """Where the object lies, or would. There may be ten thousands: no Path is made of each."""
        return f"{self._place}/{name[:2]}/{name[2:]}"

    def found(self, part: str) -> list[Found]:
        folder, objects = self._objects / part, []
        with self._told(folder), suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if is_hash(name := part + entry.name) and entry.is_file():
                    there = entry.stat()
                    # A link to an old file, and a file that was moved here, came when their entry here was made.
                    came = max(there.st_mtime, there.st_ctime)
                    objects.append(Found(name, there.st_size, came, there.st_nlink))
        return objects

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        folder = self._objects / f"{_INCOMING}{secrets.token_hex(8)}"
        try:
            # What is written there by others, of a download, ends here too where the disk is full.
            with self._told(self._root), ExitStack() as stack:
                self._objects.mkdir(parents=True, exist_ok=True)
                with locked(self._objects):
                    self._tidy()
                    folder.mkdir()
                    stack.enter_context(locked(folder))
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def at_hand(self, name: str, scratch: Path) -> Iterator[Path]:
        if not (file := self._file(name)).is_file():
            raise AbsentError(f"{self.name}: object {name} is not there")
        yield file

    def take(self, name: str, file: Path, scratch: Path) -> int:
        with self._told(self._file(name)):
            if file.parent == scratch:
                digest, size = read_through(file, lambda _: None)
            else:
                file, source = scratch / secrets.token_hex(8), file
                with file.open("xb") as copy:
                    digest, size = read_through(source, copy.write)
            if not is_named(name, digest):
                file.unlink()
                raise DamagedError(f"object {name} has the content of {digest}")
            file.chmod(_READ_ONLY)
            sync(file)
            self._folder_of(name)
            file.replace(self._file(name))
        return size

    def remove(self, name: str) -> None:
        with self._told(self._file(name)):
            self._file(name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> str:
        aside = self._root.joinpath(*ASIDE, name)
        with self._told(aside):
            aside.parent.mkdir(parents=True, exist_ok=True)
            self._file(name).replace(aside)
        return str(aside)

    def write_note(self, name: str, content: bytes) -> None:
        file = self._note(name)
        with self._told(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)

    def note(self, name: str) -> bytes | None:
        with self._told(self._note(name)), suppress(FileNotFoundError):
            return self._note(name).read_bytes()
        return None

    def remove_note(self, name: str) -> None:
        with self._told(self._note(name)):
            self._note(name).unlink(missing_ok=True)

    def notes(self) -> list[Found]:
        root, found = self._root / NOTES, []
        with self._told(root):
            for file in root.rglob("*"):
                # One that is on its way has a name with a dot before it.
                with suppress(FileNotFoundError):
                    there = file.stat()
                    if file.is_file() and not file.name.startswith("."):
                        found.append(Found(file.relative_to(root).as_posix(), there.st_size, there.st_mtime))
        return found

    def _note(self, name: str) -> Path:
        return self._root / NOTES / name

    def _file(self, name: str) -> Path:
        return Path(self.path_of(name))

    def _is_there(self, name: str) -> bool:
        """An object without a byte is what a power cut leaves of a file that DVC had not yet written out."""
        try:
            return os.stat(self.path_of(name)).st_size > 0 or name == _EMPTY  # noqa: PTH116
        except FileNotFoundError:
            return False

    def _folder_of(self, name: str) -> None:
        """As open to a group as the folder above: a cache that several people share has its rights from there."""
        with suppress(FileExistsError):
            (folder := self._file(name).parent).mkdir()
            folder.chmod(self._objects.stat().st_mode)

    def _tidy(self) -> None:
        for left in self._objects.glob(f"{_INCOMING}*"):
            if is_left(left):
                shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _told(self, target: Path) -> Iterator[None]:
        """A full disk, and a folder that may not be written, in a line each."""
        try:
            with full_disk_named(target):
                yield
        except OSError as error:
            where, why = error.filename or target, error.strerror or type(error).__name__
            raise StoreError(f"{where}: the store cannot be used ({why}): mend that, or name another") from error
