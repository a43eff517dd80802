"""A person moves the champion alias of a category: to a version of choice, or back to the champion before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from services.mlflow.categories import listed, registered_categories
from services.mlflow.decision_log import DecisionLog
from services.mlflow.entering import PromotionError, enter, said_by_a_person
from services.mlflow.registry import PACKAGE_TAG, ROLLED_BACK_TAG, Registry, Version
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.log import Entry, History


@dataclass(frozen=True)
class Move:
    """To the version `new`, as `entry` of the log tells it."""

    category: Category
    new: Version
    entry: Entry

    @property
    def is_needed(self) -> bool:
        """A champion that is marked as taken down comes from a rollback that broke off before there was a log:
        promoting it clears that. Why the present one is to stay is a decision too, and the log keeps it.
        """
        moves = self.entry.old != self.entry.new or ROLLED_BACK_TAG in self.new.tags
        return moves or self.entry.reason is not None

    def document(self, warnings: Iterable[str] = ()) -> dict[str, Any]:
        """What `--json` prints; `gate` is the gate's word on the new champion, null where it never spoke."""
        entry = self.entry
        return {
            "action": entry.action,
            "name": self.category.model_name,
            "from": entry.old,
            "to": entry.new,
            "reason": entry.reason,
            "by": entry.by,
            "package": entry.package,
            "gate": entry.word,
            "warnings": [*warnings],
        }


def plan_promotion(registry: Registry, dataset: str, name: str, number: int | None, reason: str | None = None) -> Move:
    """To the version `number` of the category, or to its newest.

    Raises:
        SettingsError: there is no such data set, category or version; the line says what there is.
    """
    category, versions = versions_of(registry, dataset, name)
    log = DecisionLog(registry, category.model_name)
    history = log.settled()
    chosen = [version for version in versions if number in (None, version.version)]
    if not chosen:
        there = listed(str(version.version) for version in reversed(versions))
        raise SettingsError(f"{category.model_name} has no version {number}; it has {there}")
    return _move(log, "promote", category, history, chosen[0], said_by_a_person(reason or "") or None)


def plan_rollback(registry: Registry, dataset: str, name: str, reason: str) -> Move:
    """To the version that was champion before and was not taken down itself.

    Raises:
        SettingsError: there is no such data set or category, or the reason is empty.
        PromotionError: there is no champion, or no version to go back to.
    """
    if not (reason := said_by_a_person(reason)):
        raise SettingsError("a rollback needs its reason: it is what the ledger keeps")
    category, versions = versions_of(registry, dataset, name)
    log = DecisionLog(registry, category.model_name)
    history = log.settled()
    there = {version.version: version for version in versions}
    back = history.way_back(there)
    if history.champion is None:
        raise PromotionError(f"{category.model_name} has no champion to roll back")
    if back is None:
        raise PromotionError(
            f"{category.model_name}: no version to go back to from {history.champion}: no other was champion, or it "
            f"was rolled back; choose one by hand: tocoad promote {dataset} {name} --version V"
        )
    return _move(log, "rollback", category, history, there[back], reason)


def carry_out(workspace: Workspace, registry: Registry, move: Move) -> list[str]:
    """As `enter` does it.

    Raises:
        PromotionError: the champion was moved in the meantime; the line says by whom.
        TrackingError, AwayError: MLflow does not answer; the line says what is not known.
    """
    return enter(workspace, registry, move.category, move.entry)


def _move(
    log: DecisionLog,
    action: Literal["promote", "rollback"],
    category: Category,
    history: History,
    new: Version,
    reason: str | None,
) -> Move:
    said, word = history.verdict_on(new.version), None
    if said is not None and said.decision is not None:
        word = {"verdict": said.decision.verdict, "reasons": [*said.decision.reasons]}
    more = {"package": new.tags.get(PACKAGE_TAG), "word": word, "metrics": {} if said is None else said.metrics}
    return Move(category, new, log.entry(action, history, new.version, reason=reason, **more))


def versions_of(registry: Registry, dataset: str, name: str) -> tuple[Category, list[Version]]:
    """The category's versions, the newest first; at least one."""
    (category,) = registered_categories(registry, dataset, [name])
    if versions := registry.versions(category.model_name):
        return category, versions
    raise SettingsError(f"{category.model_name} has no version yet: run tocoad retrain {dataset}")
