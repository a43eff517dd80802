"""The last states of tasks: Prefect's server takes them at once and writes them down a moment later."""

from __future__ import annotations

import time
from contextlib import suppress

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 20.0


def settle(holder: str) -> None:
    """Waits until no task of the holder's ended flow runs is said to run any more: a server that is stopped before it
    has written the last state forgets it. One that is slow or away is not waited for long.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    ended = filters.FlowRunFilter(
        tags=filters.FlowRunFilterTags(any_=[holder]),
        state=filters.FlowRunFilterState(
            type=filters.FlowRunFilterStateType(any_=[StateType.COMPLETED, StateType.FAILED])
        ),
    )
    running = filters.TaskRunFilter(
        state=filters.TaskRunFilterState(type=filters.TaskRunFilterStateType(any_=[StateType.RUNNING]))
    )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
        while client.read_task_runs(flow_run_filter=ended, task_run_filter=running, limit=1):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)
