"""Folders of the workspace made what their hashes say, from DVC's cache: every file is read through, and a folder takes
its place whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree
from dvc_objects.fs.generic import test_links, transfer

from services.store.objects import is_named, read_through
from tocoad.errors import StageError
from tocoad.files.lease import still_held
from tocoad.files.linking import link_or_copy
from tocoad.files.replacing import recover, replacing

Files = Mapping[str, str]
"""md5 by path below a folder, of files alone."""
Step = Callable[[], object]
Told = Callable[[int, int], object]
"""Files done, of how many."""

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
        with ThreadPoolExecutor(_THREADS) as pool:
            digests = pool.map(lambda path: read_through(folder / path, lambda _: None)[0], files)
            for path, digest in zip(files, digests, strict=True):
                found[path] = digest
                told(len(found), len(files))
        return found

    def put(self, folder: Path, files: Files, present: Files, step: Step) -> None:
        """Makes the folder so; what DVC ignores in it stays. A file that is right already stays the very same.

        Raises:
            StageError: an object of the cache is not what its hash says, or the disk is full; the folder is as it was.
        """
        with replacing(folder, still_held()) as incoming:
            self._keep_ignored(folder, incoming, present)
            for place in {(incoming / path).parent for path in files}:
                place.mkdir(parents=True, exist_ok=True)
            links = test_links(self._cache.cache_types, self._cache.fs, self._cache.path, localfs, str(incoming / "a"))

            def place_file(path: str) -> None:
                if present.get(path) == files[path]:
                    link_or_copy(folder / path, incoming / path)
                else:
                    self._bring(files[path], incoming / path, links)

            with ThreadPoolExecutor(_THREADS) as pool:
                for _ in pool.map(place_file, files):
                    step()
        self._remember(folder, files)

    def _keep_ignored(self, folder: Path, incoming: Path, present: Files) -> None:
        if not folder.is_dir():
            return
        for file in folder.rglob("*"):
            path = file.relative_to(folder).as_posix()
            if path not in present and (file.is_symlink() or file.is_file()):
                (incoming / path).parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(file, incoming / path)

    def _bring(self, md5: str, target: Path, links: list[str]) -> None:
        source = Path(self._cache.oid_to_path(md5))
        if links and links[0] != "copy":
            transfer(localfs, str(source), localfs, str(target), links=links)
            return
        with target.open("xb") as copy:
            digest, _ = read_through(source, copy.write)
        if not is_named(md5, digest):
            raise StageError(f"{source}: damaged just now: run the same again, which brings it from the remote")

    def _remember(self, folder: Path, files: Files) -> None:
        """So that DVC need not read them all to see that nothing has changed."""
        known = ((f"{folder}/{path}", HashInfo("md5", md5), None) for path, md5 in files.items())
        self._repo.state.save_many(known, localfs)


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
