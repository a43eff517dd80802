"""The pages of a data set."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from services.reports import dataset_report
from services.watching import Planned, tell, telling
from tasks.session import Workshop
from tocoad.errors import first_line
from tocoad.files.workspace import Category


@task(name="report", task_run_name="report {dataset}", cache_policy=NO_CACHE)
def report(dataset: str, shop: Workshop, categories: Sequence[Category]) -> str:
    """Writes the pages of the categories and the summary, keeps them in MLflow, and says where the summary is."""
    tell(Planned(1))
    with telling(f"report@{dataset}") as progress:
        names = [category.name for category in categories]
        written = dataset_report(shop.workspace, dataset, names, progress, lambda: shop.registry)
    if written.warning is not None:
        shop.record.warnings.append(written.warning)
    try:
        return shop.record.report(written.index, written.pages) or written.index.as_uri()
    except Exception as error:
        shop.record.warnings.append(f"MLflow does not have the report ({first_line(error)})")
        return written.index.as_uri()
