"""Whether a store can be used: one object is written, found, read back and deleted."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.store.errors import AbsentError, DamagedError, StoreAwayError, StoreError
from services.store.objects import Place, md5_of

_PLACE_OF_NOTHING = md5_of(b"no object of a store").hexdigest()


def check(place: Place) -> None:
    """What a push and a restore need, once each, and asked once.

    Raises:
        StoreError, StoreAwayError: the line says which of the steps failed, and why.
    """
    content = secrets.token_bytes(64)
    name = md5_of(content).hexdigest()
    with ExitStack() as stack:
        with _step("write"):
            scratch = stack.enter_context(place.scratch())
            file = scratch / name
            file.write_bytes(content)
            place.take(name, file, scratch)
        with _step("find"):
            # Two, as one is not looked up in the listing.
            if place.existing({name, _PLACE_OF_NOTHING}) != {name}:
                raise AbsentError(f"{place.name}: what was written is not listed there")
        with _step("read back"):
            if not _comes_back(place, name, content, scratch):
                raise StoreError(f"{place.name}: what comes back is not what was written")
        with _step("delete"):
            place.remove(name)
            if place.existing({name}):
                raise StoreError(f"{place.name}: object {name} is still there: see whether versions or locks keep it")


def _comes_back(place: Place, name: str, content: bytes, scratch: Path) -> bool:
    try:
        with place.at_hand(name, scratch) as back:
            return back.read_bytes() == content
    except DamagedError:
        return False


@contextmanager
def _step(what: str) -> Iterator[None]:
    try:
        yield
    except StoreAwayError as error:
        raise StoreAwayError(f"{what} failed: {error}") from error
    except StoreError as error:
        raise StoreError(f"{what} failed: {error}") from error
