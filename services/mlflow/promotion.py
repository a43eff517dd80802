"""A person moves the champion alias of a category: to a version of choice, or back to the champion before."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from services.mlflow import ledger
from services.mlflow.registration import REASONS_TAG, VERDICT_TAG
from services.mlflow.registry import ROLLED_BACK_TAG, Registry, Version
from tocoad.errors import SettingsError, StageError
from tocoad.files.workspace import Category, Workspace


class PromotionError(StageError):
    """The alias cannot be moved as asked, and was not; one line."""


@dataclass(frozen=True)
class Move:
    """From the champion `old` (None: there is none) to `new`."""

    action: Literal["promote", "rollback"]
    category: Category
    old: Version | None
    new: Version
    reason: str | None = None

    @property
    def is_needed(self) -> bool:
        """A champion that is marked as taken down comes from a rollback that broke off: promoting it clears that."""
        same = self.old is not None and self.old.version == self.new.version
        return not same or ROLLED_BACK_TAG in self.new.tags

    def document(self) -> dict[str, Any]:
        """What `--json` prints; `gate` is the gate's word on the new champion, null where it never spoke."""
        tags = self.new.tags
        gate = None
        if VERDICT_TAG in tags:
            gate = {"verdict": tags[VERDICT_TAG], "reasons": tags.get(REASONS_TAG, "").splitlines()}
        return {
            "action": self.action,
            "name": self.category.model_name,
            "from": None if self.old is None else self.old.version,
            "to": self.new.version,
            "reason": self.reason,
            "by": _user(),
            "gate": gate,
        }


def plan_promotion(registry: Registry, dataset: str, name: str, number: int | None) -> Move:
    """To the version `number` of the category, or to its newest.

    Raises:
        SettingsError: there is no such data set, category or version; the line says what there is.
    """
    category, versions = _versions(registry, dataset, name)
    old = registry.champion(category.model_name)
    chosen = [version for version in versions if number in (None, version.version)]
    if not chosen:
        there = _listed(str(version.version) for version in reversed(versions))
        raise SettingsError(f"{category.model_name} has no version {number}; it has {there}")
    return Move("promote", category, old, chosen[0])


def plan_rollback(registry: Registry, dataset: str, name: str, reason: str) -> Move:
    """To the version that was champion before and was not taken down itself.

    Raises:
        SettingsError: there is no such data set or category, or the reason is empty.
        PromotionError: there is no champion, or no version to go back to.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise SettingsError("a rollback needs its reason: it is what the ledger keeps")
    category, _ = _versions(registry, dataset, name)
    old, new = registry.champion(category.model_name), registry.way_back(category.model_name)
    if old is None:
        raise PromotionError(f"{category.model_name} has no champion to roll back")
    if new is None:
        raise PromotionError(
            f"{category.model_name}: no version to go back to from {old.version}: no other was champion, or it was "
            f"rolled back; choose one by hand: tocoad promote {dataset} {name} --version V"
        )
    return Move("rollback", category, old, new, reason)


def carry_out(workspace: Workspace, registry: Registry, move: Move) -> None:
    """Writes the ledger, then the tags, and moves the alias last; whoever breaks it off asks again.

    Raises:
        PromotionError: another champion came in the meantime.
    """
    name = move.category.model_name
    now = registry.champion(name)
    if (now and now.version) != (move.old and move.old.version):
        raise PromotionError(f"{name} has another champion than a moment ago: run again")
    document = move.document()
    ledger.append(workspace, move.category.dataset, {"model": document.pop("name"), **document})
    if move.reason is not None and move.old is not None:
        registry.set_tags(move.old, {ROLLED_BACK_TAG: move.reason})
    registry.remove_tag(move.new, ROLLED_BACK_TAG)
    registry.set_champion(name, move.new.version)


def _versions(registry: Registry, dataset: str, name: str) -> tuple[Category, list[Version]]:
    """The category's versions, the newest first; at least one. The registry is asked, images need not be here."""
    known = [tuple(model.split(".")) for model in registry.names() if model.count(".") == 1]
    if (dataset, name) in known:
        category = Category(dataset, name)
        if versions := registry.versions(category.model_name):
            return category, versions
        raise SettingsError(f"{category.model_name} has no version yet: run tocoad retrain {dataset}")
    if categories := [category for of, category in known if of == dataset]:
        raise SettingsError(f"data set {dataset!r} has no registered category {name!r}; it has {_listed(categories)}")
    datasets = _listed(of for of, _ in known) or "none yet"
    raise SettingsError(f"no category of data set {dataset!r} is registered; registered data sets: {datasets}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _user() -> str:
    """The name of who runs this; in a container the id may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
