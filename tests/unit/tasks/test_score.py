from __future__ import annotations

import logging
from contextvars import ContextVar
from time import sleep

import pytest

from services.scoring.pace import Pace
from tasks import score


def test_the_lines_of_the_log_are_written_in_the_context_of_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    address: ContextVar[str] = ContextVar("address", default="none")
    address.set("http://here")
    seen: list[str] = []
    logger = logging.getLogger("test_score")
    logger.setLevel(logging.INFO)
    monkeypatch.setattr(logger, "handle", lambda _: seen.append(address.get()))
    monkeypatch.setattr(score, "get_run_logger", lambda: logger)
    monkeypatch.setattr(score, "LINE_SECONDS", 0.01)
    with score._in_lines(Pace(10, 0)):
        while not seen:
            sleep(0.01)
    assert set(seen) == {"http://here"}
