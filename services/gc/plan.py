"""What a tidying-up would remove, and what it keeps, and why."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from services.dvc.data import cache_dir
from services.dvc.remote import local_store, remote_store
from services.gc.journal import read_journal
from services.gc.listings import Listing, listings_in
from services.gc.named import UnknownNeedsError, named
from services.mlflow.kept import Recorded
from services.mlflow.registry import Registry
from services.store.notes import FORGOTTEN_SECONDS, Noted, noted
from services.store.store import Store
from tocoad.files.workspace import Workspace, is_name
from tocoad.gate.keeping import LISTING, removable, with_files
from tocoad.settings.planning import select_categories
from tocoad.stages.stage import ProgressCallback


@dataclass(frozen=True)
class Share:
    """What goes of one place: objects by hash, with their bytes; `young` are those that are too young to go. `left` are
    objects that would go, were they not too young or in a list that stays.
    """

    place: Store
    sizes: dict[str, int]
    young: int
    left: frozenset[str] = frozenset()

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {"place": str(self.place), "objects": len(self.sizes), "bytes": self.bytes, "young": self.young}


@dataclass(frozen=True)
class Choice:
    """How to choose. `young` is the age in seconds below which an object stays in a place that others write to, who may
    just be bringing it. With `ignore_lost` nobody minds versions of which it is not known what they need.
    """

    keep: int
    young: float
    ignore_lost: bool = False


@dataclass(frozen=True)
class Versions:
    """Of a category. `kept` has the reasons; `going` could be restored until now, `gone` not since an earlier time (to
    be kept now does not bring it back), and of those in `shared` everything is needed by something that is kept.
    """

    kept: dict[int, tuple[str, ...]]
    going: list[int]
    shared: list[int]
    gone: list[int]


@dataclass(frozen=True)
class Plan:
    """`versions` are those of the data set; those without a reason go. `losing` are the ones that could be restored
    before, and no longer. `notes` are those of the store that go: of work that nobody has come back to.
    """

    dataset: str
    choice: Choice
    versions: tuple[Recorded, ...]
    losing: tuple[Recorded, ...]
    cache: Share
    store: Share | None
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.objects or self.notes)

    @property
    def shares(self) -> tuple[Share, ...]:
        return (self.cache,) if self.store is None else (self.store, self.cache)

    def categories(self) -> dict[str, Versions]:
        """By category, the newest version first."""
        found: dict[str, Versions] = {}
        for one in sorted(self.versions, key=lambda one: -one.version.version):
            of, number = found.setdefault(one.category, Versions({}, [], [], [])), one.version.version
            if one.reasons:
                of.kept[number] = one.reasons
                if one.is_removed:
                    of.gone.append(number)
            else:
                (of.going if one in self.losing else of.gone if one.is_removed else of.shared).append(number)
        return found

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "dataset": self.dataset,
            "keep": self.choice.keep,
            "categories": {name: asdict(versions) for name, versions in self.categories().items()},
            "cache": self.cache.document(),
            "store": None if self.store is None else self.store.document(),
            "notes": len(self.notes),
        }

    @property
    def objects(self) -> set[str]:
        return set().union(*(share.sizes for share in self.shares))

    @property
    def left(self) -> set[str]:
        return set().union(*(share.left for share in self.shares))


def make_plan(
    workspace: Workspace, registry: Registry, dataset: str, choice: Choice, progress: ProgressCallback
) -> Plan:
    """Reads, and removes nothing.

    Raises:
        UnknownNeedsError: it is not known what a version needs that is to be kept.
        AwayError, StoreAwayError: the registry or the store does not answer.
        StageError, StoreError: something that is kept cannot be read.
    """
    if not (is_name(dataset) and any(one.startswith(f"{dataset}.") for one in registry.names())):
        select_categories(workspace, dataset, None)  # one that nobody knows
    found = named(workspace, registry, dataset, choice.keep, choice.ignore_lost, progress)
    here, far = local_store(workspace), remote_store(workspace)
    places = [here] if far is None else [here, far]
    listing = listings_in(places)
    if not choice.ignore_lost:
        _refuse_lost(found.wanted, listing, places)
    needed = with_files(found.kept, listing)
    old = with_files(found.old, listing) | read_journal(workspace, dataset)
    is_shared = not cache_dir(workspace).is_relative_to(workspace.root.resolve())
    cache = _share(here, old, needed, choice.young if is_shared else 0, listing)
    notes, store = Noted(), None
    if far is not None:
        notes = noted(far, time.time() - max(FORGOTTEN_SECONDS, choice.young))
        # Not the files of what they name: those may be anybody's.
        store = _share(far, old | notes.old, needed | notes.kept, choice.young, listing)
    own = tuple(version for version in found.versions if version.dataset == dataset)
    plan = Plan(dataset, choice, own, (), cache, store, notes.forgotten)
    going = plan.objects
    losing = (one for one in own if not going.isdisjoint(with_files(found.by_version.get(str(one), ()), listing)))
    return replace(plan, losing=tuple(losing))


def _refuse_lost(wanted: dict[str, str], listing: Listing, places: Collection[Store]) -> None:
    for name, who in sorted(wanted.items()):
        if name.endswith(LISTING) and listing(name) is None:
            where = " nor in ".join(map(str, places))
            raise UnknownNeedsError(
                f"{who} is kept, and its folder {name} is not in {where}: push it from the machine that has it, or "
                "leave out what cannot be restored (--ignore-lost); nothing is removed"
            )


def _share(place: Store, old: set[str], needed: set[str], young: float, listing: Listing) -> Share:
    candidates = old - needed
    candidates -= place.missing(candidates)
    if not candidates:
        return Share(place, {}, 0)
    sizes: dict[str, int] = {}
    fresh: set[str] = set()
    listings: list[str] = []
    oldest = time.time() - young
    for found in place.objects():
        if found.name.endswith(LISTING):
            listings.append(found.name)
        if found.name in candidates:
            sizes[found.name] = found.bytes
            if young and (found.changed is None or found.changed > oldest):
                fresh.add(found.name)
    going = removable(sizes, needed, fresh, listings, listing)
    return Share(place, {name: sizes[name] for name in going}, len(fresh), frozenset(sizes) - going)
