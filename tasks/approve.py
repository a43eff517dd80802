"""A person's answer to a version that waits: the question, and what becomes of it."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from services.addresses import configure
from services.closing import claim_flow_run
from services.mlflow import approval
from services.mlflow.approval import Answer, Question, last_word, open_question, plan_answer, plan_expiry
from services.mlflow.comparisons import fetch_comparison
from services.mlflow.entering import PromotionError
from services.mlflow.registry import Registry
from services.prefect import questions
from tasks.promotion import check, open_registry
from tocoad.errors import error_line
from tocoad.files.workspace import Category, Workspace
from tocoad.report.comparison_markdown import comparison_markdown, findings_markdown
from tocoad.settings.sections import GateSettings

__all__ = [
    "Answer",
    "PromotionError",
    "Question",
    "Registry",
    "ask",
    "ask_again",
    "check",
    "claim",
    "dismiss",
    "enter",
    "last_word",
    "open_question",
    "open_registry",
    "plan_answer",
    "plan_expiry",
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


@task(name="ask again", task_run_name="ask again {question.category}", cache_policy=NO_CACHE)
def ask_again(question: Question, note: str) -> str | None:
    """Has another flow run wait, as the answer that this one was given could not be entered; returns its page's
    address. `note` says why.
    """
    return questions.ask(question.category, question.asked.id, question.until, str(flow_run.get_id()), note)


@task(name="show", task_run_name="show {question.category}", cache_policy=NO_CACHE)
def show(registry: Registry, question: Question, note: str | None = None) -> None:
    """What the answer is about, on the flow run's page."""
    key = f"approve-{question.category.dataset}-{question.category.name}".lower().replace("_", "-")
    text = f"{_invitation(question)}\n\n{_compared(registry, question)}"
    if note is not None:
        text = f"**It was answered before, in vain**: {note}\n\n{text}"
    create_markdown_artifact(text, key=key, description=f"version {question.version.version} waits")


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


def _compared(registry: Registry, question: Question) -> str:
    """Challenger and champion side by side as the run that judged has kept them. A first version meets no champion, and
    who cannot be shown the comparison sees what the rules found.
    """
    decision = question.asked.decision
    findings = () if decision is None else decision.findings
    with tempfile.TemporaryDirectory(prefix="tocoad-comparison-") as scratch:
        try:
            run = question.asked.run_id
            kept = None if run is None else fetch_comparison(registry, run, Path(scratch))
        except Exception as error:
            return f"The comparison cannot be shown ({error_line(error)}).\n\n{findings_markdown(findings)}"
        if kept is None:
            return findings_markdown(findings)
        return comparison_markdown(kept[0], findings, kept[1])


def _invitation(question: Question) -> str:
    version, category = question.version, question.category
    command = f"tocoad approve {category.dataset} {category.name} [--reject] --reason TEXT"
    return (
        f"**Version {version.version} of {version.name} waits** until {_told(question.until)}; then the champion is "
        f"kept. *Resume* on this page asks for the answer, or in a terminal: `{command}`."
    )


def _told(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
