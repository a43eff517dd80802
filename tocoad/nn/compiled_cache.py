"""numba's cache of machine code, as a power cut or a full disk leaves it.

numba renames its files without syncing them and reads them with pickle: one that was cut would fail every training, and
one that was altered would be run.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import Any, Self

from numba.core.caching import IndexDataCacheFile

_DIGEST = 32

_log = logging.getLogger(__name__)


class CheckedCacheFile(IndexDataCacheFile):
    """What is damaged counts as not there, and is compiled again; what finds no room is not kept."""

    @classmethod
    def of(cls, file: IndexDataCacheFile) -> Self:
        made = cls.__new__(cls)
        made.__dict__.update(file.__dict__)
        return made

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except Exception as error:  # pickle raises whatever the bytes lead it to
            _log.info("%s: damaged (%s); compiled again", self._index_path, error)
            return None

    def save(self, key: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save(key, data)

    def _load_index(self) -> dict[Any, str]:
        try:
            found: dict[Any, str] = super()._load_index()
        except Exception:
            return {}
        return found

    def _dump(self, obj: Any) -> bytes:
        """The digest comes last: pickle stops before it, so that numba alone reads the file too."""
        content: bytes = super()._dump(obj)
        return content + hashlib.sha256(content).digest()

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
            raise ValueError(f"{name} is not what was written")
        return super()._load_data(name)
