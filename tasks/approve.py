"""A person's answer to a version that waits: the question, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from services.addresses import configure
from services.closing import claim_flow_run
from services.mlflow import approval
from services.mlflow.approval import Answer, Question, last_word, open_question, plan_answer
from services.mlflow.registry import Registry
from services.prefect import questions
from tasks.promotion import check, open_registry
from tocoad.errors import error_line
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import GateSettings

__all__ = [
    "Answer",
    "Question",
    "Registry",
    "ask",
    "check",
    "claim",
    "dismiss",
    "enter",
    "last_word",
    "open_question",
    "open_registry",
    "plan_answer",
    "show",
]


def claim(workspace: Workspace) -> None:
    """Marks the flow run as this process's own, so that a later start can close it if this one dies."""
    claim_flow_run(configure(workspace))


@task(name="ask", task_run_name="ask {category}", cache_policy=NO_CACHE)
def ask(workspace: Workspace, registry: Registry, category: Category, gate: GateSettings) -> dict[str, Any] | None:
    """Has a flow run wait for the answer where the server has the deployment for it; else the log alone waits. None:
    it was answered in between.
    """
    question = open_question(registry, category, gate)
    if question is None:
        return None
    page = questions.ask(category, question.asked.id, question.until)
    has_pages = configure(workspace).prefect_api_url is not None
    return {"until": _told(question.until), "page": page if has_pages else None}


@task(name="show", task_run_name="show {question.category}", cache_policy=NO_CACHE)
def show(question: Question) -> None:
    """What the answer is about, on the flow run's page."""
    key = f"approve-{question.category.dataset}-{question.category.name}".lower().replace("_", "-")
    create_markdown_artifact(_markdown(question), key=key, description=f"version {question.version.version} waits")


@task(name="enter", task_run_name="enter {given.category}", cache_policy=NO_CACHE)
def enter(workspace: Workspace, registry: Registry, given: Answer) -> list[str]:
    """Into the log of decisions, with aliases, tags and ledger behind it; then whoever waits in Prefect is sent home.
    What of that is still to come, as warnings.
    """
    warnings = approval.answer(workspace, registry, given)
    entry = given.entry
    try:
        questions.close(given.category, f"{entry.by}: {entry.action}, version {entry.version}: {entry.reason}")
    except Exception as error:  # Prefect's client has many, and the answer counts
        warnings.append(f"the {entry.action} counts, but a flow run in Prefect still waits ({error_line(error)})")
    return warnings


@task(name="dismiss", task_run_name="dismiss {category}", cache_policy=NO_CACHE)
def dismiss(category: Category, note: str) -> None:
    """Whoever waits in Prefect, though nothing waits any more."""
    questions.close(category, note)


def _markdown(question: Question) -> str:
    decision = question.asked.decision
    found = [] if decision is None else decision.findings
    rows = "".join(f"| {finding.name} | {finding.outcome} | {finding.reason} |\n" for finding in found)
    return (
        f"# Version {question.version.version} of {question.version.name} waits\n\n"
        f"Until {_told(question.until)}; then the champion is kept.\n\n"
        f"| rule | outcome | |\n|---|---|---|\n{rows}"
    )


def _told(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
