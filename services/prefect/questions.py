"""A person is asked on Prefect's pages: there a flow run of the deployment `approve` waits for the answer.

The log of decisions is what counts; these runs ask, and follow it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tocoad.files.workspace import Category

DEPLOYMENT = "approve/approve"
# The clocks of two machines are not quite the same; a run that comes early finds that there is time left.
_GRACE = timedelta(seconds=5)
_OPEN_MAX = 200


def ask(
    category: Category, question: str, until: datetime, after: str | None = None, note: str | None = None
) -> str | None:
    """Starts the run that waits, and for `until` one that finds out whether there was an answer. `question` is the id
    of the verdict to be answered: asked again, it is the same run; another one `after` the run in which the answer
    could not be entered, with a `note` why. What waits of the category's earlier questions ends.

    Returns:
        The address of the run's page; None where the server has no such deployment, or no pages are configured.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Scheduled
    from prefect.utilities.urls import url_for

    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return None
        parameters: dict[str, Any] = {"dataset": category.dataset, "category": category.name, "question": question}
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters=parameters if note is None else parameters | {"note": note},
            tags=[category.model_name],
            idempotency_key=question if after is None else f"{question} after {after}",
        )
        client.create_flow_run_from_deployment(
            deployment.id,
            name=f"expire {category}",
            parameters=parameters | {"ask": False},
            tags=[category.model_name],
            state=Scheduled(scheduled_time=until + _GRACE),
            idempotency_key=f"{question} until",
        )
    close(category, "another version was judged since: the question is void", but=question)
    return url_for("flow-run", run.id)


def close(category: Category, note: str, but: str | None = None) -> None:
    """Ends, with the note, the runs that wait for an answer of the category or are still to begin; not those of the
    question `but`. They are nothing but waiting: no process has to come back for that.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType
    from prefect.states import Completed

    waiting = filters.FlowRunFilter(
        tags=filters.FlowRunFilterTags(all_=[category.model_name]),
        state=filters.FlowRunFilterState(
            type=filters.FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.SCHEDULED])
        ),
    )
    flow = filters.FlowFilter(name=filters.FlowFilterName(any_=[DEPLOYMENT.partition("/")[0]]))
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_filter=flow, flow_run_filter=waiting, limit=_OPEN_MAX):
            if but is None or run.parameters.get("question") != but:
                client.set_flow_run_state(run.id, Completed(message=note), force=True)
