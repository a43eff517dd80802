"""Pictures that a page carries in itself."""

from __future__ import annotations

import base64
from pathlib import Path


def embedded(picture: Path) -> str:
    """The file as a `data:` address. Raises OSError."""
    return f"data:image/{picture.suffix[1:]};base64,{base64.b64encode(picture.read_bytes()).decode()}"
