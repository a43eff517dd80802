"""DVC's own small files as a power cut or a bad disk leaves them: what no DVC command reads any more is set aside.

What they said is found again: an image folder is hashed anew, a stage whose record is gone counts as stale.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
import sqlite3
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from diskcache import Cache
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA, COMPILED_SINGLE_STAGE_SCHEMA
from dvc.utils.serialize import load_yaml

from tocoad.files.documents import TRACKED
from tocoad.files.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")
_DAMAGED = ".damaged"
_TRIES = 5

_log = logging.getLogger(__name__)


def healing(work: Callable[Concatenate[Workspace, P], R]) -> Callable[Concatenate[Workspace, P], R]:
    """Work with DVC that is done again where it failed and one of DVC's files was to be set aside."""

    @functools.wraps(work)
    def healed(workspace: Workspace, /, *arguments: P.args, **named: P.kwargs) -> R:
        for _ in range(_TRIES):
            try:
                return work(workspace, *arguments, **named)
            except Exception as error:  # of a file that is YAML but not DVC's, DVC raises what its code stumbles over
                if not (_set_aside(workspace.root) or _clear_hashes(error.__cause__ or error)):
                    raise
        # A disk that damages them each time anew is no thing that another try heals.
        return work(workspace, *arguments, **named)

    return healed


def data_file_md5(file: Path) -> str:
    """The hash of a folder that `data/NAME.dvc` names. Raises ValueError where the file is damaged."""
    outputs = _load(file, COMPILED_SINGLE_STAGE_SCHEMA).get("outs")
    if not outputs or not outputs[0].get("path") or not outputs[0].get("md5"):
        raise ValueError("it names no folder and its hash")
    return str(outputs[0]["md5"])


def remove_damaged_listing(repo: Repo, md5: str) -> bool:
    """Whether DVC's cache held, under the hash of a folder, something else than its list of files; then it is removed.

    DVC takes what lies there under the right name for the list, and would never write it again.
    """
    listing = Path(repo.cache.local.oid_to_path(md5))
    if not listing.is_file():
        return False
    if hashlib.md5(listing.read_bytes(), usedforsecurity=False).hexdigest() == md5.partition(".")[0]:
        return False
    _log.warning("%s: cut or altered; it is written anew", listing)
    listing.unlink()
    return True


def absent_objects(repo: Repo, md5: str) -> list[str]:
    """Of the files of a folder those that DVC's cache lacks. What it could not copy there, DVC tells its log alone."""
    cache = repo.cache.local
    listing = Path(cache.oid_to_path(md5))
    listed = [entry["md5"] for entry in json.loads(listing.read_bytes())] if listing.is_file() else [md5]
    absent = [oid for oid in listed if not os.path.isfile(cache.oid_to_path(oid))]  # noqa: PTH113  (many thousands)
    remove_partials([cache.oid_to_path(oid) for oid in absent])
    return absent


def remove_partials(objects: Iterable[str]) -> None:
    """What a copy to one of them that failed has left beside it: it may be what fills the disk."""
    for folder in {Path(file).parent for file in objects}:
        for partial in folder.glob(".*.tmp"):
            partial.unlink(missing_ok=True)


def _set_aside(root: Path) -> bool:
    """Moves away every file that is not what DVC wrote; whether there was one."""
    found = False
    files: list[tuple[Path, Callable[[Path], Any]]] = [(root / "dvc.lock", _read_lock)]
    files += [(file, data_file_md5) for kept in TRACKED for file in sorted((root / kept).glob("*.dvc"))]
    for file, read in files:
        try:
            # One that we may not read is not damaged: DVC says so itself.
            if file.is_file() and os.access(file, os.R_OK):
                read(file)
        except ValueError as error:
            aside = file.with_name(f"{file.name}{_DAMAGED}")
            file.replace(aside)
            _log.warning("%s: damaged (%s); set aside as %s and made anew", file, error, aside.name)
            found = True
    return found


def _clear_hashes(error: BaseException) -> bool:
    """Removes DVC's memory of files' hashes, which it makes again, if that is what it could not read."""
    if type(error) is not sqlite3.DatabaseError:  # of its subclasses, one that is locked is not damaged
        return False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if isinstance(cache := frame.f_locals.get("self"), Cache):
            _log.warning("%s: DVC's memory of hashes is damaged (%s) and made anew", cache.directory, error)
            shutil.rmtree(cache.directory)
            return True
    return False


def _read_lock(file: Path) -> Any:
    return _load(file, COMPILED_LOCKFILE_SCHEMA)


def _load(file: Path, schema: Callable[[Any], Any]) -> Any:
    """Raises ValueError, one line."""
    try:
        return schema(load_yaml(str(file)))
    except Exception as error:  # DVC's, the schema's, or of whatever a flipped bit made of the structure
        raise ValueError(" ".join(str(error).split())) from None
