"""Files whose content is known already: DVC is spared the reading, and where it would copy, the copying one by one."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_objects.fs.generic import test_links

from tocoad.data.stamps import Stamp, stamp

Known = Sequence[tuple[str, str, Stamp]]
"""Files by their path below a folder: the md5, and the stamp of the file that had it."""


def tell_known(repo: Repo, folder: Path, known: Known) -> None:
    """Before DVC looks at the folder. A file that has changed since is none of those that are known."""
    repo.state.save_many((_state(f"{folder}/{path}", md5, seen) for path, md5, seen in known), localfs)
    cache = repo.cache.local
    if test_links(cache.cache_types, cache.fs, cache.path, localfs, str(folder))[:1] != ["copy"]:
        return  # a link takes no room, and is DVC's to make
    for part in {md5[:2] for _, md5, _ in known}:
        cache.makedirs(f"{cache.path}/{part}")
    # A full disk, say: DVC comes upon it too, and it is told then.
    with suppress(OSError):
        for path, md5, seen in known:
            _keep(folder / path, seen, Path(cache.oid_to_path(md5)), cache.CACHE_MODE)


def _state(file: str, md5: str, seen: Stamp) -> tuple[str, HashInfo, dict[str, float]]:
    size, nanoseconds, inode = seen
    seconds, rest = divmod(nanoseconds, 10**9)
    # As Python makes `st_mtime`, to the bit: else DVC would read the file nevertheless.
    return file, HashInfo("md5", md5), {"ino": inode, "mtime": seconds + 1e-9 * rest, "size": size}


def _keep(file: Path, seen: Stamp, place: Path, mode: int) -> None:
    """Whole or not at all, under a name that DVC too gives to what is half copied. A file that changes meanwhile is
    DVC's to read.
    """
    if place.is_symlink() or place.exists() or stamp(file) != seen:
        return
    incoming = place.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        shutil.copyfile(file, incoming)
        if stamp(file) == seen:
            incoming.chmod(mode)
            incoming.rename(place)
    finally:
        incoming.unlink(missing_ok=True)
