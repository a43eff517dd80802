"""A training's checkpoints in the store: what was done on one node is gone on with on another."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from services.store.errors import AbsentError, DamagedError, StoreAwayError, StoreError
from services.store.folders import files_below, folder_name, get_folder, put_files
from services.store.notes import CHECKPOINTS, Note, read_note, write_note
from services.store.objects import md5_of_file
from services.store.store import Store
from tocoad.files.linking import link_or_copy

_LOOK_SECONDS = 1.0
_LAST_SECONDS = 10.0
"""So long the end of the work waits for an upload, which then goes on by itself for as long as the process lives."""

_log = logging.getLogger(__name__)


class Checkpoints:
    """In the block a thread puts the checkpoints that appear in `folder` into the store, one every `seconds` at most.
    It neither stops nor fails the work: while the store is away the work goes on, and the next interval tries again.

    First comes the note of all objects that are about to be there, then the objects, then the note that they are whole,
    and then what they take the place of goes. Killed at any moment, what lies in the store has a note: whoever goes on,
    or `tocoad gc` after a while, takes it away.
    """

    def __init__(self, far: Store, key: str, folder: Path, seconds: float) -> None:
        self._far, self._name, self._seconds = far, CHECKPOINTS + key, seconds
        self._folder = folder.absolute()  # the process may go elsewhere while the thread is at work
        self._ended, self._is_done = threading.Event(), False
        self._thread = threading.Thread(target=self._watch, name="checkpoints", daemon=True)
        self._seen: object = None
        self._has_note = False
        self._removed: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        """Brings the latest checkpoint of this work, whoever has done it so far, in place of what `folder` was.

        Raises:
            StoreAwayError, StoreError: the store does not answer: the work so far is not to be done again for that.
            StageError: the disk is full.
        """
        note = read_note(self._far, self._name)
        self._has_note = note is not None
        if note is not None and note.tree is not None:
            try:
                get_folder(self._far, note.tree, self._folder)
            except (AbsentError, DamagedError) as error:
                _log.warning("checkpoint %s cannot be used (%s): the training starts anew", note.tree, error)
        self._seen = _stamp(self._folder)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def done(self) -> None:
        """In the block or after it. The work has its result in the store: what was kept of it on the way goes."""
        self._is_done = True
        self._end()
        if not self._thread.is_alive():
            self._clear()

    def _end(self) -> None:
        self._ended.set()
        self._thread.join(_LAST_SECONDS)

    def _watch(self) -> None:
        due = time.monotonic() + self._seconds
        while not self._ended.wait(min(_LOOK_SECONDS, self._seconds)):
            there = _stamp(self._folder)
            if time.monotonic() < due or there in (None, self._seen):
                continue
            due = time.monotonic() + self._seconds
            try:
                if self._put():
                    self._seen = there
            except Exception as error:
                _log.warning("%s: the checkpoint is not in the store, and is tried again (%s)", self._far, error)
        if self._is_done:
            self._clear()

    def _clear(self) -> None:
        try:
            if self._has_note and (note := read_note(self._far, self._name)) is not None:
                self._far.remove(note.objects - self._removed)
                self._far.remove_note(self._name)
            self._has_note = False
        except Exception as error:
            _log.warning("%s: note %s is left there (%s)", self._far, self._name, error)

    def _put(self) -> bool:
        """Whether it could be seen whole."""
        snapshot = self._folder.with_name(f"{self._folder.name}.leaving")
        try:
            if not link_whole(self._folder, snapshot):
                return False
            files = files_below(snapshot)
            hashes = {file: md5_of_file(file) for file in files.values()}
            tree = folder_name({path: hashes[file] for path, file in files.items()})
            objects = frozenset({tree, *hashes.values()})
            # Another run of the same work, taken for dead, may have left some, or do so now.
            before = read_note(self._far, self._name) or Note()
            superseded = before.objects - objects - self._removed
            self._has_note = True
            write_note(self._far, self._name, Note(before.tree, objects | superseded))
            put_files(files, self._far, hashes.__getitem__)
            write_note(self._far, self._name, Note(tree, objects | superseded))
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)
        # What cannot be removed now is in the note, and goes with the next.
        with suppress(StoreError, StoreAwayError):
            self._far.remove(superseded)
            self._removed = superseded
        return True


def _stamp(folder: Path) -> tuple[int, int] | None:
    """Another one for each that takes the place of the one before; None where there is none."""
    try:
        there = folder.stat()
    except FileNotFoundError:
        return None
    return there.st_ino, there.st_mtime_ns


def link_whole(folder: Path, snapshot: Path) -> bool:
    """The same files in a folder that stays. The training puts each checkpoint in place of the one before by a rename,
    and writes into none; False where it did so meanwhile, or there is none yet or between two of them.
    """
    shutil.rmtree(snapshot, ignore_errors=True)
    there = _stamp(folder)
    if there is None:
        return False
    try:
        shutil.copytree(folder, snapshot, copy_function=link_or_copy)
    except OSError:
        if _stamp(folder) == there:
            raise
    return _stamp(folder) == there
