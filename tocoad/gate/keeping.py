"""What is kept when old versions are tidied away: chosen from the log of decisions and what records name, purely."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from tocoad.gate.log import History

# DVC keeps the list of a folder's files as an object like any other, named after its hash.
LISTING = ".dir"


def kept_versions(history: History, present: Collection[int], keep: int) -> dict[int, tuple[str, ...]]:
    """Of a category's versions (`present`: those in the registry) the ones to keep, each with the reasons, the newest
    first.

    A challenger is open if it has no verdict yet, or if a person has still to answer for it.
    """
    latest = set(sorted(present)[-keep:]) if keep > 0 else set()
    way_back = history.way_back(present)
    asked = None if history.waiting is None else history.waiting.entry.version
    kept = {}
    for version in sorted(present, reverse=True):
        reasons = {
            "champion": version == history.champion,
            "previous": version == way_back,
            "open challenger": version == asked or history.is_open(version),
            f"one of the last {keep}": version in latest,
        }
        if any(reasons.values()):
            kept[version] = tuple(reason for reason, holds in reasons.items() if holds)
    return kept


def with_files(names: Iterable[str], listing: Callable[[str], Collection[str] | None]) -> set[str]:
    """The objects of these names and, of each that is a listing, the files in it; where it is lost, the name alone."""
    named = set(names)
    return named.union(*(listing(name) or () for name in named if name.endswith(LISTING)))


def removable(
    old: Collection[str],
    needed: Collection[str],
    fresh: Collection[str],
    listings: Iterable[str],
    listing: Callable[[str], Collection[str] | None],
) -> set[str]:
    """The objects of one place (the cache, or the store) that may go.

    `old` are those that versions name which are not kept, `needed` those that anything kept names, both with the files
    in their listings. `fresh` are objects that somebody may just be bringing, `listings` the names of all that lie in
    the place: one that stays keeps its files, whoever's it is.
    """
    going = set(old).difference(needed, fresh)
    for name in listings:
        if name not in going:
            going.difference_update(listing(name) or ())
    return going
