"""The last states of tasks, on a real server that writes them down a moment after it took them."""

from __future__ import annotations

import pytest

from services.prefect.settling import settle

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_after_it_the_server_has_written_that_every_task_has_ended(prefect_server: str) -> None:
    from prefect import flow, tags, task
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: prefect_server}):

        @task
        def settled() -> int:
            return 1

        @flow
        def settling() -> list[int]:
            return [settled() for _ in range(3)]

        with tags("holder of these"):
            settling()
        settle("holder of these")
        with get_client(sync_client=True) as client:
            states = [run.state_name for run in client.read_task_runs() if run.name.startswith("settled")]
    assert states == ["Completed"] * 3


def test_a_server_that_is_away_is_not_waited_for() -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    away = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(updates=away):
        settle("holder of these")
