"""A person's decision goes into the log of a category, and what follows the log is brought behind it."""

from __future__ import annotations

from services.mlflow import ledger
from services.mlflow.calls import AwayError, TrackingError
from services.mlflow.decision_log import DecisionLog, told
from services.mlflow.judging import judged_version, mirror
from services.mlflow.patience import patiently
from services.mlflow.registry import Registry
from tocoad.errors import SettingsError, StageError, TocoadError, first_line
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.bounded import MOST_SAID
from tocoad.gate.log import Entry, History


class PromotionError(StageError):
    """What was asked for cannot be decided, and was not; one line."""


def said_by_a_person(reason: str) -> str:
    """A reason as the log keeps it, in one line. Raises SettingsError where it is longer than that is."""
    if len(line := " ".join(reason.split())) > MOST_SAID:
        raise SettingsError(f"--reason has {len(line)} characters, and {MOST_SAID} are the most: say it in fewer")
    return line


def enter(workspace: Workspace, registry: Registry, category: Category, entry: Entry) -> list[str]:
    """Enters it in the log, and makes tags, aliases and the ledger follow. Once it counts it is decided: what goes
    wrong after that is returned, and the next command that reads the log puts it right.

    Raises:
        PromotionError: others have decided in the meantime; the line says who.
        TrackingError, AwayError: MLflow does not answer; the line says what is not known.
    """
    log = DecisionLog(registry, category.model_name)

    def ask() -> History:
        """Asked again it enters nothing twice: the decision has an id."""
        if not (history := log.read()).counts(entry.id):
            log.append(entry)
            history = log.read()
        return history

    try:
        history = patiently(ask)
    except (TrackingError, AwayError) as error:
        unknown = f"whether the {entry.action} was entered is not known: see tocoad status {category.dataset}"
        raise type(error)(f"{first_line(error)}; {unknown} before you try again") from error
    if not history.counts(entry.id):
        raise PromotionError(f"{log.name} {_meanwhile(history, entry)}: look at it, and run again")
    warnings = []
    try:
        log.follow(history)
        if entry.decision is not None and (version := judged_version(registry, log.name, entry)) is not None:
            mirror(registry, version, entry)
    except TocoadError as error:
        warnings.append(
            f"the {entry.action} counts, but its alias is not yet moved; the next command does it ({error})"
        )
    try:
        ledger.copy(workspace, category, history)
    except (TocoadError, OSError) as error:
        warnings.append(f"the {entry.action} counts, but the ledger does not have it yet ({first_line(error)})")
    return warnings


def _meanwhile(history: History, entry: Entry) -> str:
    """What came before an entry that does not count."""
    if moves := history.since(entry.after):
        return f"was moved in the meantime by {'; '.join(told(other) for other in moves)}"
    return f"waits no more for an answer on version {entry.version}: {told(history.counted[-1].entry)}"
