"""Files and folders as digests of their content: by these the output of a run that broke off is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path


def folder_digest(folder: Path, without: str = "") -> str:
    """Names and bytes of every file below the folder, but of the one of this name in it."""
    return _digest(folder, (file for file in _files(folder) if file != folder / without))


def parts_digest(folder: Path, parts: Sequence[str]) -> str:
    """As `folder_digest`, of these files and folders below the folder alone; of all where none is named."""
    return _digest(folder, (file for part in parts or ("",) for file in _files(folder / part)))


def content_digest(path: Path) -> str:
    """Of a file's bytes, or of a folder."""
    return file_digest(path) if path.is_file() else folder_digest(path)


def file_digest(file: Path) -> str:
    """sha256 of its bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _files(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())


def _digest(folder: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(bytes.fromhex(file_digest(file)))
    return digest.hexdigest()
