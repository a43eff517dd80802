"""The files of folders, from wherever the list of them lies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache

from services.store.errors import AbsentError, DamagedError, StoreError
from services.store.store import Store

Listing = Callable[[str], tuple[str, ...] | None]
"""Of a folder's hash the hashes of its files; None where no place has the list."""


def listings_in(places: Sequence[Store]) -> Listing:
    """The nearest place comes first.

    Raises, when asked:
        StoreError: a list is damaged, and no other place has it sound.
        StoreAwayError: a place does not answer.
    """

    @cache
    def listing(name: str) -> tuple[str, ...] | None:
        damaged: DamagedError | None = None
        for place in places:
            try:
                # Most files are in many lists.
                return tuple(map(sys.intern, place.listing(name).values()))
            except AbsentError:
                continue
            except DamagedError as error:
                damaged = error
            except (ValueError, LookupError, TypeError):
                damaged = DamagedError(f"{place}: object {name} is no list of files")
        if damaged is not None:
            raise StoreError(f"{damaged}: nothing is known of its files, and nothing is removed: delete it first")
        return None

    return listing
