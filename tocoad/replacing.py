"""A folder that appears whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yields an empty folder beside `target` that takes its place when the block ends well, and is removed when not.

    A process killed between the two renames leaves the earlier folder as `.NAME.previous`; the next call for the same
    target puts it back first, and clears away what killed calls left.
    """
    previous = target.with_name(f".{target.name}.previous")
    target.parent.mkdir(parents=True, exist_ok=True)
    _recover(target, previous)
    incoming = target.with_name(f".{target.name}.incoming-{secrets.token_hex(4)}")
    incoming.mkdir()
    try:
        yield incoming
        _swap(incoming, target, previous)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _swap(incoming: Path, target: Path, previous: Path) -> None:
    if not target.exists():
        incoming.rename(target)
        return
    target.rename(previous)
    try:
        incoming.rename(target)
    except OSError:
        previous.rename(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _recover(target: Path, previous: Path) -> None:
    if previous.exists() and not target.exists():
        previous.rename(target)
    shutil.rmtree(previous, ignore_errors=True)
    for left in target.parent.glob(f".{target.name}.incoming-*"):
        shutil.rmtree(left, ignore_errors=True)
