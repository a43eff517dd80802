"""Files whose content is known already: DVC is spared the reading, and where it would copy, the copying one by one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_objects.fs.generic import test_links

from tocoad.data.stamps import Stamp

Known = Sequence[tuple[str, str, Stamp]]
"""Files by their path below a folder: the md5, and the stamp of the file that had it."""


def tell_known(repo: Repo, folder: Path, known: Known) -> None:
    """Before DVC looks at the folder. A file that has changed since is none of those that are known."""
    repo.state.save_many((_state(f"{folder}/{path}", md5, stamp) for path, md5, stamp in known), localfs)
    cache = repo.cache.local
    if test_links(cache.cache_types, cache.fs, cache.path, localfs, str(folder))[:1] != ["copy"]:
        return  # a link takes no room, and is DVC's to make
    for part in {md5[:2] for _, md5, _ in known}:
        cache.makedirs(f"{cache.path}/{part}")
    # A full disk, say: DVC comes upon it too, and it is told then.
    with suppress(OSError):
        for path, md5, stamp in known:
            _keep(f"{folder}/{path}", stamp, cache.oid_to_path(md5), cache.CACHE_MODE)


def _state(file: str, md5: str, stamp: Stamp) -> tuple[str, HashInfo, dict[str, float]]:
    size, nanoseconds, inode = stamp
    seconds, rest = divmod(nanoseconds, 10**9)
    # As Python makes `st_mtime`, to the bit: else DVC would read the file nevertheless.
    return file, HashInfo("md5", md5), {"ino": inode, "mtime": seconds + 1e-9 * rest, "size": size}


def _keep(file: str, stamp: Stamp, place: str, mode: int) -> None:
    """Whole or not at all, under a name that DVC too gives to what is half copied."""
    if os.path.lexists(place):
        return
    with open(file, "rb", buffering=0) as source:  # noqa: PTH123  (many thousands)
        found = os.fstat(source.fileno())
        if (found.st_size, found.st_mtime_ns, found.st_ino) != stamp:
            return
        incoming = f"{os.path.dirname(place)}/.{secrets.token_hex(8)}.tmp"  # noqa: PTH120
        try:
            with open(incoming, "xb", buffering=0) as copy:  # noqa: PTH123
                shutil.copyfileobj(source, copy, 2**20)
                os.fchmod(copy.fileno(), mode)
            os.rename(incoming, place)  # noqa: PTH104
        except BaseException:
            with suppress(OSError):
                os.unlink(incoming)  # noqa: PTH108
            raise
