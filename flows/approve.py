"""The flow `approve`, which waits for a person, and `answer`, with which a person does not let it wait.

The log of decisions in the registry counts. Who answers, here or there, writes it first; what waits follows.
"""

from __future__ import annotations

import sys

if __name__ != "flows.approve":
    # As in `flows.retrain`: of a worker's path, what lies in the workspace is a user's.
    del sys.path[:2]
    import tocoad.rooms

    tocoad.rooms.enter()

from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.runtime import flow_run

from flows.answer_form import AnswerForm
from flows.notice import answer_notice
from tasks.approve import (
    Answer,
    PromotionError,
    Question,
    Registry,
    ask_again,
    check,
    claim,
    dismiss,
    enter,
    last_word,
    open_question,
    open_registry,
    plan_answer,
    plan_expiry,
    show,
)
from tasks.notify import told_when_finished
from tocoad.errors import error_line
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params


@flow(name="approve", flow_run_name="approve {dataset}/{category}")
def approve(
    dataset: str,
    category: str,
    question: str | None = None,
    ask: bool = True,
    workspace: str | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """Shows what waits, and waits for the answer: suspended, without a process. Answered on its page, the flow begins
    anew, has the answer, and enters it.

    Args:
        dataset: a data set of the workspace.
        category: one of its categories.
        question: the id of the verdict that is to be answered; None takes what waits.
        ask: without it nobody is asked: it is found out whether the time is over.
        workspace: its folder; None takes the current one.
        note: why an answer that was given before could not be entered.

    Returns:
        The document of `tocoad approve --json`, of action `expire` where nobody has answered in time; where there is
        nothing to answer any more, `told` says why.

    Raises:
        PromotionError: others have decided in the meantime.
        BrokenPackageError: the version's package is not what was registered, or gives other numbers than it did then.
            It waits on, and another run asks; so it is with whatever else keeps an answer from being entered.
    """
    place = Workspace(Path(workspace or ".").resolve())
    registry, gate = open_registry(place), load_params(place).settings.gate
    claim(place)
    about = Category(dataset, category)
    if (over := plan_expiry(registry, about, gate)) is not None:
        return _answer(place, registry, over)
    waits = open_question(registry, about, gate)
    if waits is None or question not in (None, waits.asked.id) or not ask:
        told = last_word(registry, about)
        if waits is None:
            dismiss(about, told)
        return {"action": None, "name": about.model_name, "told": told}
    if flow_run.get_run_count() < 2:
        show(registry, waits, note)
    given = suspend_flow_run(wait_for_input=AnswerForm.with_initial_data(_invitation(waits)), key=waits.asked.id)
    approved, by = given.answer == "approve", f"{given.name}, on Prefect's page"
    try:
        return _answer(place, registry, plan_answer(registry, dataset, category, gate, approved, given.reason, by))
    except PromotionError:  # nothing waits any more
        raise
    except Exception as error:
        # A run that has failed is asked by nobody.
        ask_again(waits, f"{given.name} said {given.answer} ({given.reason}), but {error_line(error)}")
        raise


@flow(name="answer", flow_run_name="answer {dataset}/{category}")
def answer(dataset: str, category: str, approved: bool, reason: str, workspace: str | None = None) -> dict[str, Any]:
    """Makes the version that waits champion, or keeps the champion.

    Returns:
        The document of `tocoad approve --json`.

    Raises:
        SettingsError: there is no such data set or category, or the reason is empty.
        PromotionError: nothing waits, or others have decided in the meantime.
        BrokenPackageError: as for `approve`.
    """
    place = Workspace(Path(workspace or ".").resolve())
    registry, gate = open_registry(place), load_params(place).settings.gate
    return _answer(place, registry, plan_answer(registry, dataset, category, gate, approved, reason))


def _answer(workspace: Workspace, registry: Registry, given: Answer) -> dict[str, Any]:
    """Told of at its end, unlike what was asked wrongly."""
    category = given.category
    with told_when_finished(workspace, "approve", category.dataset, category.name) as ending:
        warnings = check(registry, given.version) if given.entry.action == "approve" else []
        result = given.document([*warnings, *enter(workspace, registry, given)])
        ending.notice, ending.warnings = partial(answer_notice, result), result["warnings"]
    return result


def _invitation(waits: Question) -> str:
    """Above the form."""
    return (
        f"Version {waits.version.version} of {waits.version.name} waits until {waits.until:%Y-%m-%d %H:%M} UTC; then "
        "the champion is kept. What it is about is on this run's page, under Artifacts."
    )
