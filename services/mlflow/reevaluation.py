"""The champion of a category judged anew on its present test images, though nothing was trained."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pydantic import BaseModel, ConfigDict

from services.mlflow import ledger
from services.mlflow.decision_log import DecisionLog, DecisionLogError, told
from services.mlflow.judging import Judging, Rescore, about_other, mirror
from services.mlflow.package_check import BrokenPackageError
from services.mlflow.registry import Registry, Version
from services.mlflow.run import Run
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.parity import Parity
from tocoad.gate.records import Evidence, Verdict
from tocoad.gate.subject import Subject, rules_digest
from tocoad.settings.sections import Settings

# How often others may move the champion meanwhile.
_LOSSES = 50


class Reevaluation(BaseModel):
    """The gate's word on the champion in force; `anew`: it was given now. `moved` says what moved the champion while it
    was looked at, by whom and why: a sentence each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    aliases: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    metrics: dict[str, float | None]
    anew: bool
    moved: tuple[str, ...]


class _OvertakenError(Exception):
    """What was to be judged is champion no longer."""


def reevaluate_champion(
    workspace: Workspace,
    category: Category,
    settings: Settings,
    registry: Registry,
    evaluation_set: str,
    start: Callable[[], Run],
    rescore: Rescore,
    check: Callable[[Version], Parity],
) -> Reevaluation | None:
    """Has the champion's package checked, and judged where there is no verdict on it for this evaluation set by the
    present rules; `start` gives the MLflow run that such a verdict names. None: the category has no champion.

    It may be broken off anywhere and asked again.

    Raises:
        BrokenPackageError: the champion's package is not what was registered, or gives other numbers.
        DecisionLogError: the log cannot be read, or the champion's version is gone.
    """
    log = DecisionLog(registry, category.model_name)
    about = Subject(method="", package="", evaluation_set=evaluation_set, rules=rules_digest(settings))
    before, checked = log.settled(), set[int]()

    def examine(version: Version, champion: Version | None) -> Evidence:
        """Asked of a version to go back to, and before one is judged against a champion: what has just lost its place
        is not to win it back.
        """
        if champion is not None:
            raise _OvertakenError
        return Evidence(parity=check(version))

    for _ in range(_LOSSES):
        history = log.settled()
        if (champion := log.champion(history)) is None:
            return None
        if champion.version not in checked and not (parity := check(champion)).passed:
            raise BrokenPackageError(f"{champion.name} version {champion.version}: {parity.reason}")
        checked.add(champion.version)
        subject = about_other(champion, about)
        if (entry := history.verdict(subject)) is not None and entry.decision is not None:
            mirror(registry, champion, entry)
            ledger.copy(workspace, category, history)
            return Reevaluation(
                name=champion.name,
                version=champion.version,
                aliases=champion.aliases,
                verdict=entry.decision.verdict,
                reasons=entry.decision.reasons,
                metrics=entry.metrics,
                anew=not before.counts(entry.id),
                moved=tuple(told(move) for move in history.since(before.reign)),
            )
        judging = Judging(registry, log, settings.gate, start().run_id, rescore, examine, champion, subject, scores={})
        with suppress(_OvertakenError):
            judging.settle()
    raise DecisionLogError(f"{log.name}: others moved its champion {_LOSSES} times meanwhile: run again")
