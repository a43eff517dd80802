"""Who runs this."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """In a container the id may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
