"""Where a data set stands: its data version, what DVC calls stale, and the models in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.addresses import Services
from services.dvc import data, staleness
from services.mlflow.decision_log import DecisionLog
from services.mlflow.judging import EVALUATION_SET_TAG, METHOD_TAG
from services.mlflow.tracking import Tracking
from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.errors import StageError
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.log import History
from tocoad.gate.subject import rules_digest
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.file import load_params
from tocoad.settings.planning import select_categories
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import jobs_of, manifest_dir, to_run


def dataset_status(
    workspace: Workspace, services: Services, dataset: str, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """A JSON document of the named categories (None: of all).

    `stale` lists the stages that a retrain would run, `previous` is where a rollback leads; `champion` and `previous`
    are null where there is none.
    """
    categories = select_categories(workspace, dataset, names)
    params = load_params(workspace)
    plan = params.plan
    write_dvc_file(workspace, params.settings)
    planned = [category for category in categories if str(category) in plan.categories]
    jobs = {category: jobs_of(category, plan.method(category)) for category in planned}
    stale = staleness.stale(workspace, [job.dvc_name for chain in jobs.values() for job in chain])
    registry = Tracking(services).registry()
    rules = rules_digest(params.settings)
    entries = {}
    for category in categories:
        log = DecisionLog(registry, category.model_name)
        history = log.settled()
        champion = _champion(log, history, _evaluation_set(workspace, category), rules)
        entries[category.name] = {
            "method": plan.method(category) if category in jobs else None,
            "stale": [job.dvc_name.partition("@")[0] for job in to_run(jobs.get(category, ()), stale)],
            "champion": champion,
            "previous": history.way_back(),
        }
    return {"dataset": dataset, "data_version": data.data_version(workspace, dataset), "categories": entries}


def _champion(log: DecisionLog, history: History, evaluation_set: str | None, rules: str) -> dict[str, Any] | None:
    """Its figures on this evaluation set (None: on whichever they were found last), and by these rules the verdict.
    Without them: it was made champion since, or the evaluation set is new, and the next retrain judges it.
    """
    if (version := log.champion(history)) is None:
        return None
    verdict = history.verdict_on(version.version, evaluation_set)
    if verdict is not None and verdict.subject is not None and verdict.decision is not None:
        metrics = {name: value for name, value in verdict.metrics.items() if value is not None}
        word = verdict.decision.verdict if verdict.subject.rules == rules else None
    else:
        # Before there was a log its tags alone had them.
        tags, word = version.tags, None
        known = evaluation_set in (None, tags.get(EVALUATION_SET_TAG))
        metrics = {name: float(tags[name]) for name in METRIC_NAMES if known and name in tags}
    return {
        "version": version.version,
        "method": version.tags.get(METHOD_TAG),
        "metrics": metrics,
        "verdict": word,
    }


def _evaluation_set(workspace: Workspace, category: Category) -> str | None:
    """The present one; None where the workspace has no results of the category."""
    try:
        return Manifest.load(manifest_dir(workspace, category) / TEST_FILE).digest
    except StageError:
        return None
