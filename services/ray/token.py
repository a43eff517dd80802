"""Ray's token, with which anybody may run code in a local Ray: in a file that its owner alone can read.

Ray 2.60 writes it as the umask says, most often for all to read.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def guard_token() -> None:
    """Makes the token's file where Ray is about to, unless it is there; then others lose their right to read it."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    # Without a home, or one that cannot be written, Ray has no token either, and says so.
    with suppress(OSError, RuntimeError):
        file = Path.home() / ".ray" / "auth_token"
        if not file.exists():
            _make(file)
        elif file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Private from its first byte, and whole under its name: another process may read it at once.
    descriptor, scratch = tempfile.mkstemp(dir=file.parent, prefix="auth_token.")
    try:
        with os.fdopen(descriptor, "w") as written:
            written.write(secrets.token_hex(32))
        with suppress(FileExistsError):  # another process was faster: its token counts
            os.link(scratch, file)
    finally:
        Path(scratch).unlink()
