"""The HTML report of a data set: what the pages say of versions and verdicts comes from the services' records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.dvc import data
from services.git.commit import git_commit
from services.mlflow import ledger
from tocoad.errors import StageError, TocoadError, first_line
from tocoad.evaluation.files import METRICS_FILE
from tocoad.feedback.absorbed import absorbed
from tocoad.feedback.record import feedback_dir, read_intakes
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.subject import rules_digest
from tocoad.report.facts import Facts
from tocoad.report.names import page_name
from tocoad.report.write import write_report
from tocoad.settings.file import load_params
from tocoad.settings.planning import select_categories
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import evaluation_dir
from tocoad.stages.stage import ProgressCallback, silent
from tocoad.watch.watched import remembered

if TYPE_CHECKING:
    from services.mlflow.registry import Registry


@dataclass(frozen=True)
class Report:
    """The files that were written: the summary, and the page of each category. `warning` says why the verdicts are the
    workspace's own copy; None where they are the registry's.
    """

    index: Path
    pages: Mapping[Category, Path]
    warning: str | None = None


def dataset_report(
    workspace: Workspace,
    dataset: str,
    categories: Sequence[str] | None = None,
    progress: ProgressCallback = silent,
    registry: Callable[[], Registry] | None = None,
) -> Report:
    """Writes the pages of the named categories (None: of all) and the summary over all that are evaluated. What was
    decided is asked of the `registry`; where that cannot tell, or there is none, of the workspace's copy.

    Raises:
        StageError: a named category, or every one of the data set, is not evaluated yet.
    """
    plan = load_params(workspace).plan
    methods = {
        category: plan.method(category)
        for category in select_categories(workspace, dataset, None)
        if str(category) in plan.categories
    }
    evaluated = [category for category, method in methods.items() if _is_evaluated(workspace, category, method)]
    chosen = select_categories(workspace, dataset, categories) if categories is not None else evaluated
    missing = [category.name for category in chosen if category not in evaluated] if evaluated else [dataset]
    if missing:
        raise StageError(f"{', '.join(missing)}: not evaluated yet; run tocoad retrain {dataset} first")
    summary = {category: methods[category] for category in evaluated}
    every, warning = _verdicts(workspace, dataset, evaluated, registry)
    index = write_report(workspace, dataset, chosen, summary, _facts(workspace, dataset, summary, every), progress)
    return Report(index, {category: index.with_name(page_name(category)) for category in chosen}, warning)


def _verdicts(
    workspace: Workspace, dataset: str, categories: Sequence[Category], registry: Callable[[], Registry] | None
) -> tuple[list[dict[str, Any]], str | None]:
    """With them, why they are the copy's."""
    if registry is None:
        return ledger.verdicts(workspace, dataset), None
    from services.mlflow.verdicts import counted_verdicts

    try:
        return counted_verdicts(workspace, registry(), dataset, categories), None
    except TocoadError as error:
        copy = ledger.ledger_file(workspace, dataset)
        warning = f"the report's verdicts are the copy of this workspace, {copy} ({first_line(error)})"
        return ledger.verdicts(workspace, dataset), warning


def _facts(
    workspace: Workspace, dataset: str, categories: Iterable[Category], every: Sequence[dict[str, Any]]
) -> Facts:
    """Versions and verdicts as they stand now: what the gate said by other rules says nothing of the present."""
    rules = rules_digest(load_params(workspace).settings)
    verdicts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    intakes = read_intakes(feedback_dir(workspace, dataset))
    for entry in every:
        if entry.get("rules", rules) == rules:
            category = entry["model"].partition(".")[2]
            if intakes and (came := absorbed(entry, every, intakes)) is not None:
                entry = entry | {"absorbed": came}
            verdicts.setdefault((category, entry.get("method", "")), []).append(entry)
    commit = git_commit(workspace)
    looks = ((category.name, remembered(workspace.watch_file(category))) for category in categories)
    return Facts(
        data_version=data.data_version(workspace, dataset),
        git_commit=None if commit is None else str(commit),
        verdicts=verdicts,
        generated=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        watched={name: last for name, last in looks if last is not None},
    )


def _is_evaluated(workspace: Workspace, category: Category, method: MethodName) -> bool:
    return (evaluation_dir(workspace, category, method) / METRICS_FILE).is_file()
