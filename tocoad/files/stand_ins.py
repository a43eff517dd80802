"""Files that a setting names and that lie elsewhere here: on a node, which has their bytes and not their folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_stand_ins: ContextVar[Mapping[Path, Path]] = ContextVar("stand_ins", default={})  # noqa: B039  (never written to)


@contextmanager
def standing_in(files: Mapping[Path, Path]) -> Iterator[None]:
    """In the block each file or folder, by the path that the settings give it, is read where the mapping says."""
    token = _stand_ins.set(files)
    try:
        yield
    finally:
        _stand_ins.reset(token)


def where(path: Path) -> Path:
    """What is to be opened for the path of a setting."""
    return _stand_ins.get().get(path, path)
