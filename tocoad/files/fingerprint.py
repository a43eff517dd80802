"""What a stage read and what it wrote, as digests: by these the output of a run that broke off is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

_SOURCES = "sources"


def read_digests(sources: str, inputs: Mapping[str, Path], without: str) -> dict[str, str]:
    """Of all that a stage reads: `sources` is the caller's digest of its command, settings and images, `inputs` are the
    outputs of other stages, by their bytes.
    """
    return {_SOURCES: sources, **{role: folder_digest(folder, without) for role, folder in inputs.items()}}


def reads_the_same(then: Mapping[str, str], sources: str, inputs: Mapping[str, Path], without: str) -> bool:
    """Whether the stage would read now what it read then; the inputs' bytes are looked at only if the sources agree."""
    return then.get(_SOURCES) == sources and then == read_digests(sources, inputs, without)


def folder_digest(folder: Path, without: str) -> str:
    """Names and bytes of every file below the folder, but of the one of this name in it."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / without):
        digest.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
