"""A job's own folder on a node. It is laid out as a workspace, so that what a stage says of a file reads as there."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tocoad.files.full_disk import full_disk_named
from tocoad.files.process_lock import is_left, locked

_PREFIX = "job-"


@contextmanager
def private_folder(parent: Path) -> Iterator[None]:
    """In the block an empty folder below `parent` is the process's current one: paths are relative to it. It goes with
    the block; those of killed processes go when the next is made. It is locked: what takes the place of another does so
    in a folder below.
    """
    folder, before = parent / f"{_PREFIX}{secrets.token_hex(8)}", _current()
    try:
        with ExitStack() as stack:
            with full_disk_named(folder):
                parent.mkdir(parents=True, exist_ok=True)
                with locked(parent):
                    _tidy(parent)
                    folder.mkdir()
                    stack.enter_context(locked(folder))
            os.chdir(folder)
            yield
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def _current() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  (a text to go back to)
    except FileNotFoundError:  # somebody has removed it meanwhile
        return "/"


def _tidy(parent: Path) -> None:
    for left in parent.glob(f"{_PREFIX}*"):
        if is_left(left):
            shutil.rmtree(left, ignore_errors=True)
