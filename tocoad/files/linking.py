"""A file of the same content in a second place, without its bytes where the file system can."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link_or_copy(file: Path | str, target: Path | str) -> None:
    """The same file once more, by a hard link, or a copy of it. One that is a link to DVC's cache stays one."""
    try:
        os.link(file, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(file, target, follow_symlinks=False)
