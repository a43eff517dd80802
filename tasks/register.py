"""The category's detector in the registry, judged."""

from __future__ import annotations

from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.measuring import Measuring
from services.mlflow.calls import AwayError
from services.mlflow.held_packages import held_packages
from services.mlflow.nights import Night
from services.mlflow.patience import patiently
from services.mlflow.registration import Registration, register_candidate
from services.mlflow.registry import Registry, Version
from services.watching import Planned, tell, telling
from tasks.comparing import show_comparison
from tasks.session import Workshop
from tocoad.files.workspace import Category
from tocoad.gate.comparison import Comparison
from tocoad.settings.sections import MethodName

__all__ = ["AwayError", "Registration", "announce", "register"]


@task(name="register", task_run_name="register {category}", cache_policy=NO_CACHE)
def register(shop: Workshop, category: Category, method: MethodName, night: Night) -> Registration:
    """The category's detector becomes a model version; the gate decides about the champion alias. `night` is what
    `keep_night` has returned.

    Raises:
        CleanProcessError: nothing is known of the package as it was registered; the next retrain asks again.
        AwayError: MLflow was away for longer than it is waited for; the next retrain registers the category.
    """

    def ask(registry: Registry) -> Registration:
        measuring = Measuring(shop.workspace, category, method, shop.settings, registry, shop.runner, shop.checker)

        def show(comparison: Comparison, champion: Version) -> None:
            show_comparison(shop, registry, category, method, comparison, champion)

        shop.record.finish(category, method)
        return register_candidate(
            shop.workspace,
            category,
            method,
            shop.settings,
            registry,
            shop.record.run(category),
            measuring.rescore,
            night,
            measuring.examine,
            show,
            measuring.stand_in,
        )

    with telling(f"register@{category}"), held_packages(shop.registry) as registry:
        return patiently(partial(ask, registry))


def announce(registrations: int) -> None:
    """For whoever watches: so many are to come."""
    tell(Planned(registrations))
