"""The folder of a local Ray: private, short enough for its sockets, and gone after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tocoad.errors import SettingsError

# The longest name of a Unix socket on macOS; Linux has 107.
_NAME_BYTES = 103
PREFIX = "tocoad-ray-"
# The longest that there is in our folder: its own name ends with 8 random letters.
_SOCKET = f"/{PREFIX}xxxxxxxx/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"


def ray_folder() -> TemporaryDirectory[str]:
    """In RAY_TMPDIR or the temporary folder, or where their names are too long in another that is short.

    Ray opens whatever it makes to everybody: what is its own must lie below.

    Raises:
        SettingsError: there is none.
    """
    for place in places():
        if len(os.fsencode(place)) + len(_SOCKET) <= _NAME_BYTES and os.access(place, os.W_OK | os.X_OK):
            return TemporaryDirectory(prefix=PREFIX, dir=place, ignore_cleanup_errors=True)
    raise SettingsError(
        f"TMPDIR: {tempfile.gettempdir()} is too long a name for Ray's sockets, and nothing else can be written to: "
        f"let RAY_TMPDIR name a folder of at most {_NAME_BYTES - len(_SOCKET)} letters"
    )


def places() -> Iterator[Path]:
    """Where it may lie, the first choice first."""
    if chosen := os.environ.get("RAY_TMPDIR"):
        yield Path(chosen).absolute()
    yield Path(tempfile.gettempdir()).absolute()
    yield from map(Path, ("/tmp", "/var/tmp", "/dev/shm"))  # noqa: S108
