"""What DVC leaves in memory of every folder that it hashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fsspec.implementations.memory import MemoryFileSystem


@contextmanager
def listings_dropped() -> Iterator[None]:
    """Of the folders hashed in the block. DVC keeps each listing in the process's one store in memory, and searches all
    of it for the next: thousands of folders would take the square of their number.
    """
    store = MemoryFileSystem.store
    before = set(store)
    try:
        yield
    finally:
        for name in [name for name in store if name.startswith("/.") and name.endswith(".tmp")]:
            if name not in before:
                store.pop(name, None)
