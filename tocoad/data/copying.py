"""Files of a data set on their way to the place where they are to lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

from tocoad.data.problems import DataError, Problem
from tocoad.files.linking import link_or_copy


def copy_file(file: Path, target: Path, sha256: str) -> None:
    """Raises DataError where the content is no longer that of the digest, which was checked."""
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError([Problem(file, "changed while it was imported; try again")])
    target.write_bytes(data)


def link_tree(folder: Path, target: Path, without: Collection[str], each: Callable[[], None]) -> None:
    """Everything below `folder` once more below the empty `target`, but for the files and folders that are named by
    their POSIX paths there.

    The files are the same ones, by hard links, or copies where the file system has none: what DVC, and we, remember of
    a file by its inode and time holds for it there too. `each` is called after every file.
    """
    _link_folder(str(folder), str(target), "", without, each)


def _link_folder(folder: str, target: str, path: str, without: Collection[str], each: Callable[[], None]) -> None:
    made = False
    with os.scandir(folder) as entries:
        for entry in entries:
            place = f"{path}{entry.name}"
            if place in without:
                continue
            if entry.is_dir(follow_symlinks=False):
                _link_folder(entry.path, f"{target}/{entry.name}", f"{place}/", without, each)
            else:
                if not made:
                    Path(target).mkdir(parents=True, exist_ok=True)
                    made = True
                link_or_copy(entry.path, f"{target}/{entry.name}")
                each()
