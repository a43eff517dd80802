"""A folder that DVC has added before, added once more: where its cache holds copies, what has changed alone costs time.

DVC's own `add` asks its cache for every file twice, and then once more whether a link is to be made anew.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any

from dvc.fs import localfs
from dvc.repo import Repo
from dvc.stage import Stage
from dvc_data.hashfile.db import HashFileDB, add_update_tree
from dvc_data.hashfile.tree import Tree
from dvc_data.hashfile.utils import _tokenize_mtimes
from dvc_objects.errors import ObjectFormatError
from dvc_objects.fs.generic import test_links

from services.dvc.damage import remove_partials


def add_copies(repo: Repo, stage: Stage) -> bool:
    """As `stage.add_outs()`, of a stage that is one folder; whether that could be done so. Where it could not, a file
    is a link, or is to be one, and nothing but the hash of the stage's folder is another.
    """
    (out,), cache = stage.outs, repo.cache.local
    if test_links(cache.cache_types, cache.fs, cache.path, localfs, out.fs_path)[:1] != ["copy"]:
        return False
    stage.add_outs(no_commit=True)
    tree = out.obj
    if not isinstance(tree, Tree) or any(meta is None or meta.is_link or meta.nlink > 1 for _, meta, _ in tree):
        return False
    files = {f"{out.fs_path}/{'/'.join(key)}": (meta, info.value) for key, meta, info in tree}
    lacking = {md5: path for path, (_, md5) in files.items() if not _has(cache, md5)}
    failed: list[str] = []

    def note(md5: str, _: BaseException) -> None:
        failed.append(cache.oid_to_path(md5))

    cache.add([*lacking.values()], localfs, [*lacking], check_exists=False, on_error=note)
    if failed:
        remove_partials(failed)
        return False  # DVC's own finds no room either, and leaves what is known
    add_update_tree(cache, tree)
    # By this DVC knows what a checkout of a commit without the folder may take away.
    mtimes = _tokenize_mtimes({path: meta.mtime for path, (meta, _) in files.items()})
    repo.state.set_link(out.fs_path, os.stat(out.fs_path).st_ino, mtimes)  # noqa: PTH116
    return True


def _has(cache: HashFileDB, md5: str) -> bool:
    """An object that may be written, as one that was cut off is, is read; DVC removes it where it is another."""
    with suppress(FileNotFoundError, ObjectFormatError):
        found: Any = os.stat(cache.oid_to_path(md5))  # noqa: PTH116
        if stat.S_IMODE(found.st_mode) != cache.CACHE_MODE:
            cache.check(md5)
        return True
    return False
