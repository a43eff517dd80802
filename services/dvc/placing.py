"""Folders of the workspace made what their hashes say, from DVC's cache: every file is read through, and a folder takes
its place whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree
from dvc_objects.fs.generic import test_links, transfer

from services.store.objects import copy_through, is_named, md5_of_file
from tocoad.data.threads import in_batches, thread_pool
from tocoad.errors import StageError
from tocoad.files.lease import still_held
from tocoad.files.linking import link_or_copy
from tocoad.files.replacing import recover, replacing

Files = Mapping[str, str]
"""md5 by path below a folder, of files alone."""
Step = Callable[[], object]
Told = Callable[[int, int], object]
"""Files done, of how many."""
Mend = Callable[[Mapping[str, str]], object]
"""Brings objects anew: by hash, a path below the folder that needs it."""

_THREADS = 4


class Placer:
    """Of one workspace, by what DVC's repository says of ignored files and links."""

    def __init__(self, repo: Repo) -> None:
        self._repo, self._cache = repo, repo.cache.local

    def present(self, folder: Path, told: Told) -> dict[str, str]:
        """What lies in the folder, read through, but for what DVC ignores."""
        recover(folder)
        if not folder.is_dir():
            return {}
        base = str(folder)
        files = [path[len(base) + 1 :] for path in self._repo.dvcignore.find(localfs, base)]

        found = {}
        with thread_pool(_THREADS) as pool:
            digests = in_batches(pool, lambda path: md5_of_file(f"{base}/{path}"), files)
            for path, digest in zip(files, digests, strict=True):
                found[path] = digest
                told(len(found), len(files))
        return found

    def put(self, folder: Path, files: Files, present: Files, step: Step, mend: Mend | None = None) -> None:
        """Makes the folder so; what DVC ignores in it stays. A file that is right already stays the very same.

        Every object has been read through before, unless there is `mend`: then they are read here, and those that are
        damaged are given to it. It brings them anew, or raises.

        Raises:
            StageError: an object of the cache is not what its hash says, or the disk is full; the folder is as it was.
        """
        with replacing(folder, still_held()) as incoming:
            self._keep_ignored(folder, incoming, present)
            for place in {path.rpartition("/")[0] for path in files}:
                (incoming / place).mkdir(parents=True, exist_ok=True)
            links = test_links(self._cache.cache_types, self._cache.fs, self._cache.path, localfs, str(incoming / "a"))
            filling = _Filling(self._cache, str(folder), str(incoming), files, present, links, mend is not None)
            damaged = filling.fill([*files], step)
            if damaged and mend is not None:
                mend({files[path]: path for path in damaged})
                damaged = filling.fill(damaged, lambda: None)
            if damaged:
                source = self._cache.oid_to_path(files[damaged[0]])
                raise StageError(f"{source}: damaged just now: run the same again, which brings it from the remote")
        self._remember(folder, files)

    def _keep_ignored(self, folder: Path, incoming: Path, present: Files) -> None:
        if not folder.is_dir():
            return
        for file in folder.rglob("*"):
            path = file.relative_to(folder).as_posix()
            if path not in present and (file.is_symlink() or file.is_file()):
                (incoming / path).parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(file, incoming / path)

    def _remember(self, folder: Path, files: Files) -> None:
        """So that DVC need not read them all to see that nothing has changed."""
        known = ((f"{folder}/{path}", HashInfo("md5", md5), None) for path, md5 in files.items())
        self._repo.state.save_many(known, localfs)


@dataclass(frozen=True)
class _Filling:
    """Of the folder `incoming`, in the place of `folder`. Of `unread` objects those that come as links are read too, as
    all are that are copied.
    """

    cache: Any
    folder: str
    incoming: str
    files: Files
    present: Files
    links: list[str]
    unread: bool

    def fill(self, paths: Sequence[str], step: Step) -> list[str]:
        """Returns the paths of files whose object is not what its hash says: they are not there then."""
        damaged = []
        with thread_pool(_THREADS) as pool:
            for path, is_sound in zip(paths, in_batches(pool, self._is_placed, paths), strict=True):
                if not is_sound:
                    damaged.append(path)
                step()
        return damaged

    def _is_placed(self, path: str) -> bool:
        target, md5 = f"{self.incoming}/{path}", self.files[path]
        if self.present.get(path) == md5:
            link_or_copy(f"{self.folder}/{path}", target)
            return True
        source = self.cache.oid_to_path(md5)
        if self.links[:1] in ([], ["copy"]):
            is_sound = is_named(md5, copy_through(source, target))
        else:
            transfer(localfs, source, localfs, target, links=self.links)
            is_sound = not self.unread or is_named(md5, md5_of_file(source))
        if not is_sound:
            os.unlink(target)  # noqa: PTH108
        return is_sound


def expanded(outputs: Mapping[str, str], listing: Callable[[str], Files]) -> dict[str, str]:
    """The files of a folder of which files and folders (`.dir`) are known by their hashes."""
    found: dict[str, str] = {}
    for path, md5 in outputs.items():
        if md5.endswith(".dir"):
            found |= {f"{path}/{below}": of for below, of in listing(md5).items()}
        else:
            found[path] = md5
    return found


def folder_hash(files: Files) -> str:
    """The hash that DVC gives a folder of these files."""
    tree = Tree()  # type: ignore[no-untyped-call]
    for path, md5 in files.items():
        tree.add(tuple(path.split("/")), None, HashInfo("md5", md5))
    tree.digest()
    return str(tree.hash_info.value)
