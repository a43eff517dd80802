"""Which objects of a cache are needed at this moment, by any process of the machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from services.store.errors import StoreError
from tocoad.files.full_disk import full_disk_named
from tocoad.files.process_lock import has_no_locks, is_free, lock_new_file, locked


class Uses:
    """Each use is a file in `folder` with the names, which its process holds locked: the dead need nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def of(self, names: Collection[str]) -> Iterator[None]:
        """In the block nobody takes these away.

        Raises:
            StoreError: the folder cannot be written, or its file system has no locks.
            StageError: the disk is full.
        """
        file = self._folder / secrets.token_hex(8)
        with ExitStack() as stack:
            with self._told():
                self._folder.mkdir(parents=True, exist_ok=True)
                with locked(self._folder):
                    stack.callback(os.close, lock_new_file(file, "\n".join(names).encode()))
            stack.callback(file.unlink, missing_ok=True)
            yield

    @contextmanager
    def settled(self) -> Iterator[set[str]]:
        """All that is needed; no use begins in the block."""
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder):
                yield {name for file in list(self._folder.iterdir()) for name in _named_by(file)}

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with full_disk_named(self._folder):
                yield
        except OSError as error:
            why = "no locks there" if has_no_locks(error) else error.strerror or type(error).__name__
            raise StoreError(
                f"{error.filename or self._folder}: the node's cache cannot be used ({why}): mend that, or name a "
                "folder on a disk of the node's own (ray.node_cache)"
            ) from error


def _named_by(use: Path) -> list[str]:
    # It may end at any moment.
    with suppress(FileNotFoundError):
        if not is_free(use):
            return use.read_text(encoding="utf-8").split()
        use.unlink()
    return []
