"""The result on the flow run's page in Prefect."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE


@task(name="publish", cache_policy=NO_CACHE)
def publish(
    dataset: str, rows: list[dict[str, Any]], description: str, report_link: str | None, flow: str = "retrain"
) -> None:
    """The result as a table on the flow run's page in Prefect, and the link to the report where one was written."""
    key = dataset.lower().replace("_", "-")
    if report_link is not None:
        description = f"{description}. [Report]({report_link})"
        create_link_artifact(link=report_link, link_text=f"report of {dataset}", key=f"report-{key}")
    create_table_artifact(table=rows, key=f"{flow}-{key}", description=description)
