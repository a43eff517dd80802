"""Folders into a store and out of it, by the hashes that DVC gives them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from services.store.errors import DamagedError, StoreError
from services.store.objects import FOLDER_MARK, is_named, listing_of, md5_of, md5_of_file, read_through
from services.store.patience import patiently
from services.store.store import LOOKS, Store
from services.store.transfer import Moved
from tocoad.files.linking import link_or_copy
from tocoad.files.replacing import replacing
from tocoad.files.temporary import temporary_folder

Digest = Callable[[Path], str]
"""md5 of a file's content."""


def put_folder(folder: Path, store: Store) -> tuple[str, Moved]:
    """Puts what the store lacks of it, and returns the hash that `dvc add` of the folder would give.

    Raises: as `put_files`.
    """
    return put_files(files_below(folder), store)


def files_below(folder: Path) -> dict[str, Path]:
    """By their paths in the folder; links are followed to files."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def folder_name(digests: Mapping[str, str]) -> str:
    """The hash of a folder whose files have these."""
    return md5_of(listing_of(digests)).hexdigest() + FOLDER_MARK


def put_files(paths: Mapping[str, Path], store: Store, digest: Digest | None = None) -> tuple[str, Moved]:
    """Puts what the store lacks of a folder with these files, and returns its hash. `digest` may know a file's hash.

    Raises:
        StoreError: a file changed while it was put; the folder's object is not put then.
        StoreAwayError: it was away for longer than it is waited for.
    """
    with ThreadPoolExecutor(store.place.jobs) as pool:
        digests = dict(zip(paths, pool.map(digest or md5_of_file, paths.values()), strict=True))
        name = folder_name(digests)
        missing = store.missing({*digests.values(), name})
        sources = {digests[path]: file for path, file in paths.items() if digests[path] in missing}
        with store.place.scratch() as scratch:
            sizes = list(pool.map(lambda name: _put(store, name, sources[name], scratch), sources))
            if name in missing:
                file = scratch / secrets.token_hex(8)
                file.write_bytes(listing_of(digests))
                sizes.append(_put(store, name, file, scratch))
    return name, Moved(len(sizes), sum(sizes))


def get_folder(
    store: Store,
    name: str,
    target: Path,
    link: bool = False,
    allowed: AbstractContextManager[object] | None = None,
) -> None:
    """Puts the folder of this hash in place of what `target` was, whole or not at all; every byte is checked.

    It takes its place within `allowed`, as `replacing` has it. With `link` its files are hard links into the store, a
    folder, and so read-only; copies on another disk.

    Raises:
        AbsentError, DamagedError: of an object; a damaged one is set aside, and can be fetched anew.
        StageError: the disk is full; `target` is as it was.
    """
    with (
        # An object is on the disk before it has its name: a link to it need not be waited for.
        replacing(target, allowed, links_lie_there=link) as incoming,
        temporary_folder("store") as scratch,
    ):
        files = _listed(store, name)
        for path in {(incoming / file).parent for file in files}:
            path.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(store.place.jobs) as pool:
            gets = (pool.submit(_get, store, files[file], incoming / file, scratch, link) for file in files)
            for done in list(gets):
                done.result()


def _listed(store: Store, name: str) -> dict[str, str]:
    try:
        return store.listing(name)
    except DamagedError:
        store.give_free(name)
        raise


def _put(store: Store, name: str, file: Path, scratch: Path) -> int:
    try:
        return patiently(lambda: store.place.take(name, file, scratch), store.patience)
    except (DamagedError, FileNotFoundError) as error:
        raise StoreError(f"{file}: changed while it was put into {store}: let what writes there end") from error


def _get(store: Store, name: str, file: Path, scratch: Path, link: bool) -> None:
    for _ in range(LOOKS):
        with suppress(DamagedError):
            if is_named(name, patiently(lambda: _copied(store, name, file, scratch, link), store.patience)):
                return
        file.unlink(missing_ok=True)
    store.give_free(name)
    raise DamagedError(f"{store}: object {name} is damaged: push, or dvc commit, again where it is sound")


def _copied(store: Store, name: str, file: Path, scratch: Path, link: bool) -> str:
    """The digest of what was read."""
    with store.place.at_hand(name, scratch) as source:
        if link:
            link_or_copy(source, file)
            return md5_of_file(file)
        with file.open("wb") as stream:
            return read_through(source, stream.write)[0]
