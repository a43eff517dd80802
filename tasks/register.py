"""The category's detector in the registry, judged."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.mlflow.patience import patiently
from services.mlflow.recording import RetrainRecord
from services.mlflow.registration import Registration, register_candidate
from services.mlflow.registry import Registry
from services.ray.runner import RayStages
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import Candidate
from tocoad.settings.sections import MethodName, Settings


@task(name="register", task_run_name="register {category}", cache_policy=NO_CACHE)
def register(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    settings: Settings,
    registry: Registry,
    stages: RayStages,
    record: RetrainRecord,
) -> Registration:
    """The category's detector becomes a model version; the gate decides about the champion alias.

    Raises:
        AwayError: MLflow was away for longer than it is waited for; the next retrain registers the category.
    """

    def rescore(package: Path) -> Candidate:
        arguments = (str(workspace.root), str(category), str(package), settings.model_dump_json())
        return cast(
            Candidate, stages.call(f"champion of {category}", "tocoad.evaluation.workspace:rescore", *arguments)
        )

    def ask() -> Registration:
        record.finish(category, method)
        return register_candidate(workspace, category, method, settings, registry, record.run(category), rescore)

    return patiently(ask)
