"""The champion of a category, judged anew."""

from __future__ import annotations

from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.measuring import Measuring
from services.mlflow.held_packages import held_packages
from services.mlflow.package_check import registered_parity
from services.mlflow.patience import patiently
from services.mlflow.reevaluation import Reevaluation, reevaluate_champion
from services.mlflow.registry import Registry, Version
from services.mlflow.run import Run
from services.watching import telling
from tasks.session import Workshop
from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.files.workspace import Category
from tocoad.gate.parity import Parity
from tocoad.settings.sections import CONTROL
from tocoad.stages.graph import manifest_dir

__all__ = ["Reevaluation", "judge_again"]


@task(name="judge again", task_run_name="judge {category} again", cache_policy=NO_CACHE)
def judge_again(shop: Workshop, category: Category) -> Reevaluation | None:
    """On the category's manifest as it is now; None where there is no champion.

    Raises:
        BrokenPackageError: its package is not what was registered, or gives other numbers.
        CleanProcessError: nothing is known of its package; the next run asks again.
        AwayError: MLflow was away for longer than it is waited for.
    """
    workspace, settings = shop.workspace, shop.settings
    evaluation_set = Manifest.load(manifest_dir(workspace, category) / TEST_FILE).digest

    def start() -> Run:
        return shop.record.run(category)

    def ask(registry: Registry) -> Reevaluation | None:
        score = Measuring(workspace, category, CONTROL, settings, registry, shop.runner, shop.checker).rescore

        def check(version: Version) -> Parity:
            return registered_parity(registry, version, shop.checker)

        return reevaluate_champion(workspace, category, settings, registry, evaluation_set, start, score, check)

    with telling(f"reevaluate@{category}"), held_packages(shop.registry) as registry:
        found = patiently(partial(ask, registry))
        if found is not None and found.anew:
            shop.record.run(category).log_metrics(found.metrics)
    return found
