"""Objects of a store, made up in a folder of DVC's layout."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path


def object_file(root: Path, name: str) -> Path:
    return root / "files" / "md5" / name[:2] / name[2:]


def put_object(root: Path, content: bytes, mark: str = "") -> str:
    """Its hash."""
    name = hashlib.md5(content, usedforsecurity=False).hexdigest() + mark
    file = object_file(root, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return name


def put_folder(root: Path, files: int, size: int = 1000, seed: int = 0) -> tuple[str, list[str]]:
    """The hash of a folder, and those of its files."""
    rng = random.Random(seed)
    names = [put_object(root, rng.randbytes(size)) for _ in range(files)]
    listing = [{"md5": name, "relpath": f"good/{i}.png"} for i, name in enumerate(names)]
    return put_object(root, json.dumps(listing).encode(), ".dir"), names


def flip(file: Path) -> None:
    """Alters one bit in the middle; the size stays."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
