"""The question to a person whether a version may become champion, its answer, and what becomes of it unanswered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.mlflow.decision_log import DecisionLog, told
from services.mlflow.entering import PromotionError, enter, said_by_a_person
from services.mlflow.promotion import versions_of
from services.mlflow.registry import Registry, Version
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.decide import ASKED
from tocoad.gate.log import Action, Entry, History, Numbered
from tocoad.gate.records import Decision, Verdict
from tocoad.settings.sections import GateSettings


@dataclass(frozen=True)
class Question:
    """`asked` is the gate's verdict that `version` waits; at `until` the champion is kept without an answer."""

    category: Category
    version: Version
    asked: Entry
    until: datetime


@dataclass(frozen=True)
class Answer:
    """To the question of a category's version, as `entry` of the log tells it; that there was none is one too."""

    category: Category
    version: Version
    entry: Entry

    def document(self, warnings: list[str]) -> dict[str, Any]:
        """What `--json` prints."""
        entry = self.entry
        assert entry.decision is not None
        return {
            "action": entry.action,
            "name": self.category.model_name,
            "version": self.version.version,
            "verdict": entry.decision.verdict,
            "from": entry.old,
            "to": entry.new,
            "reason": entry.reason,
            "by": entry.by,
            "warnings": warnings,
        }


def open_question(registry: Registry, category: Category, gate: GateSettings) -> Question | None:
    """What of the category waits for a person; None where nothing does, not any more either."""
    log = DecisionLog(registry, category.model_name)
    asked = expired(log, log.settled(), gate).waiting
    version = None if asked is None else registry.get(log.name, asked.entry.version or 0)
    if asked is None or version is None:
        return None
    return Question(category, version, asked.entry, deadline(asked.entry, gate))


def plan_answer(
    registry: Registry,
    dataset: str,
    name: str,
    gate: GateSettings,
    approved: bool,
    reason: str,
    by: str | None = None,
) -> Answer:
    """`by` is who gives it; None: who runs this.

    Raises:
        SettingsError: there is no such data set or category, or the reason is empty.
        PromotionError: nothing of the category waits.
    """
    if not (reason := said_by_a_person(reason)):
        raise SettingsError("an answer needs its reason: it is what the log of decisions keeps")
    category, versions = versions_of(registry, dataset, name)
    log = DecisionLog(registry, category.model_name)
    history = expired(log, log.settled(), gate)
    asked = history.waiting
    waits = [] if asked is None else [version for version in versions if version.version == asked.entry.version]
    if asked is None or not waits:
        raise PromotionError(f"nothing of {log.name} waits for an answer; {last_word(registry, category)}")
    entry = _entry(log, history, asked, "approve" if approved else "decline", reason)
    return Answer(category, waits[0], entry if by is None else entry.model_copy(update={"by": by}))


def plan_expiry(registry: Registry, category: Category, gate: GateSettings) -> Answer | None:
    """Of what waits beyond its time; None where nothing does."""
    log = DecisionLog(registry, category.model_name)
    history = log.settled()
    asked = history.waiting
    if asked is None or not _is_over(asked, gate):
        return None
    version = registry.get(log.name, asked.entry.version or 0)
    return None if version is None else Answer(category, version, _expiry(log, history, asked, gate))


def last_word(registry: Registry, category: Category) -> str:
    """Who decided last on the category, and what."""
    counted = DecisionLog(registry, category.model_name).read().counted
    return told(counted[-1].entry) if counted else "nothing was decided yet"


def answer(workspace: Workspace, registry: Registry, given: Answer) -> list[str]:
    """As `enter` does it.

    Raises:
        PromotionError: it was answered, or the champion was moved, in the meantime; the line says by whom.
        TrackingError, AwayError: MLflow does not answer; the line says what is not known.
    """
    return enter(workspace, registry, given.category, given.entry)


def expired(log: DecisionLog, history: History, gate: GateSettings) -> History:
    """What the log says once the champion was kept where nobody has answered in time. Two that do it at once do it
    once: the second entry finds nothing that waits.
    """
    asked = history.waiting
    if asked is None or not _is_over(asked, gate):
        return history
    log.append(_expiry(log, history, asked, gate))
    return log.fresh.settled()


def deadline(asked: Entry, gate: GateSettings) -> datetime:
    """Until then a question waits."""
    return datetime.fromisoformat(asked.time) + timedelta(hours=gate.approval_hours)


def _is_over(asked: Numbered, gate: GateSettings) -> bool:
    return datetime.now(UTC) >= deadline(asked.entry, gate)


def _expiry(log: DecisionLog, history: History, asked: Numbered, gate: GateSettings) -> Entry:
    return _entry(log, history, asked, "expire", f"nobody answered within {gate.approval_hours:g} hours")


def _entry(log: DecisionLog, history: History, asked: Numbered, action: Action, reason: str) -> Entry:
    """With what the verdict was about, so that what came of it is the verdict on that."""
    said = asked.entry
    assert said.decision is not None and said.subject is not None
    approved = action == "approve"
    verdict: Verdict = "promoted" if approved else "kept"
    because = {"approve": "a person approved it", "decline": "a person declined it", "expire": "it waited in vain"}
    found = (other for other in said.decision.reasons if other != ASKED)
    reasons = (f"{because[action]}: {reason}", *found)
    decision = Decision(verdict=verdict, reasons=reasons, findings=said.decision.findings)
    return log.entry(
        action,
        history,
        said.version if approved else history.champion,
        reason=reason,
        version=said.version,
        subject=said.subject,
        decision=decision,
        metrics=said.metrics,
        images=said.images,
        run_id=said.run_id,
        package=said.subject.package,
    )
