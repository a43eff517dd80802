"""Whose turn it is to work on a data set, on a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from services.prefect.turn import TurnTakenError, turn
from tests.helpers.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

AWAY = "http://127.0.0.1:9/api"


@contextmanager
def server_at(url: str) -> Iterator[None]:
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    # A busy one may ask its client to come again; one that is away is not waited for.
    retries = {PREFECT_CLIENT_MAX_RETRIES: 0} if url == AWAY else {}
    with temporary_settings(updates={PREFECT_API_URL: url, **retries}):
        yield


@pytest.fixture(autouse=True)
def in_a_flow_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker tells it to the process of a flow run."""
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid.uuid4()))


def test_one_flow_at_a_time_works_on_a_data_set(prefect_server: str) -> None:
    did, told = [], list[str]()
    with server_at(prefect_server):
        with turn("turns", told.append):
            taken = pytest.raises(TurnTakenError, match="another flow has Prefect's limit tocoad-turns")
            with taken, turn("turns", told.append, wait=0):
                did.append("the same")
            with turn("other_turns", told.append, wait=0):
                did.append("another")
        with turn("turns", told.append, wait=0):
            did.append("the next")
    assert (did, told) == (["another", "the next"], [])


def test_who_waits_says_for_what_and_goes_on_when_the_other_has_ended(prefect_server: str) -> None:
    told, did = list[str](), []

    def work() -> None:
        with server_at(prefect_server), turn("waited_for", told.append, wait=60):
            did.append("the second")

    second = Thread(target=work)
    with server_at(prefect_server), turn("waited_for", told.append):
        second.start()
        wait_until("the second one's word", lambda: told, 60)
        did.append("the first")
    second.join(60)
    assert did == ["the first", "the second"]
    assert [line.partition(" (")[0] for line in told] == ["waiting: another flow has Prefect's limit tocoad-waited_for"]


def test_a_server_that_is_away_stops_no_work(prefect_server: str) -> None:
    did, told = [], list[str]()
    with server_at(prefect_server):
        begun = turn("left", told.append)
        begun.__enter__()
    with server_at(AWAY):
        begun.__exit__(None, None, None)
        assert told == []
        with turn("away", told.append):
            did.append("worked")
    assert did == ["worked"]
    assert [line.partition(" (")[0] for line in told] == ["Prefect gives away no turn, and it is worked on without one"]
