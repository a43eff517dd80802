"""Where a data set stands: its data version, what DVC calls stale, and the models in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.addresses import Services
from services.dvc import data, staleness
from services.mlflow.registry import PREVIOUS
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.file import load_params
from tocoad.settings.planning import select_categories
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import jobs_of, to_run


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
    entries = {}
    for category in categories:
        champion = registry.champion(category.model_name)
        previous = registry.by_alias(category.model_name, PREVIOUS)
        entries[category.name] = {
            "method": plan.method(category) if category in jobs else None,
            "stale": [job.dvc_name.partition("@")[0] for job in to_run(jobs.get(category, ()), stale)],
            "champion": None
            if champion is None
            else {
                "version": champion.version,
                "method": champion.tags.get("method"),
                "metrics": {name: float(champion.tags[name]) for name in METRIC_NAMES if name in champion.tags},
            },
            "previous": None if previous is None else previous.version,
        }
    return {"dataset": dataset, "data_version": data.data_version(workspace, dataset), "categories": entries}
