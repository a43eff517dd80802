"""Where a data set stands: its data version, what DVC calls stale, and the models in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.addresses import Services
from services.dvc import data, staleness
from services.mlflow.glance import Glance
from services.mlflow.standing import models_in_force
from services.mlflow.tracking import Tracking
from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.errors import StageError
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.subject import rules_digest
from tocoad.settings.file import load_params
from tocoad.settings.planning import select_categories
from tocoad.stages.deciding import foreseen
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import jobs_of, manifest_dir
from tocoad.stages.stage import Progress, ProgressCallback, silent
from tocoad.watch.watched import remembered


def dataset_status(
    workspace: Workspace,
    services: Services,
    dataset: str,
    names: Sequence[str] | None = None,
    progress: ProgressCallback = silent,
) -> dict[str, Any]:
    """A JSON document of the named categories (None: of all).

    `stale` lists the stages that a retrain would run, `previous` is where a rollback leads; `champion` and `previous`
    are null where there is none, and where `error` says that it is not known. `watch` is the last look at new images
    that this workspace has taken, null where it has taken none; its `alarm` one about the champion that still stands.
    """
    categories = select_categories(workspace, dataset, names)
    params = load_params(workspace)
    plan = params.plan
    write_dvc_file(workspace, params.settings)
    planned = [category for category in categories if str(category) in plan.categories]
    jobs = {category: jobs_of(category, plan.method(category)) for category in planned}
    stale = staleness.stale(workspace, [job.dvc_name for chain in jobs.values() for job in chain])
    lists = {job.dvc_name for chain in jobs.values() for job in chain if job.stage.lists_images} & stale
    by_images = staleness.stale_by_images(workspace, lists) if lists else set()
    registry = Glance(Tracking(services).registry(), dataset)
    rules = rules_digest(params.settings)
    entries = {}
    for number, category in enumerate(categories, start=1):
        models = models_in_force(registry, category.model_name, _evaluation_set(workspace, category), rules)
        entries[category.name] = {
            "method": plan.method(category) if category in jobs else None,
            "stale": [job.dvc_name.partition("@")[0] for job in foreseen(jobs.get(category, ()), stale, by_images)],
            **models,
            "watch": _watch(workspace, category, models["champion"]),
        }
        progress(Progress(number, len(categories)))
    return {"dataset": dataset, "data_version": data.data_version(workspace, dataset), "categories": entries}


def _watch(workspace: Workspace, category: Category, champion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if (last := remembered(workspace.watch_file(category))) is None:
        return None
    alarm = last.standing(champion["version"] if champion else None)
    shown = last.model_dump(mode="json", include={"time", "version", "outcome", "sentence"})
    return shown | {"alarm": None if alarm is None else alarm.model_dump(mode="json")}


def _evaluation_set(workspace: Workspace, category: Category) -> str | None:
    """The present one; None where the workspace has no results of the category."""
    try:
        return Manifest.load(manifest_dir(workspace, category) / TEST_FILE).digest
    except StageError:
        return None
