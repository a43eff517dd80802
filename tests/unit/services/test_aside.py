"""A loop beside the main thread: what it gives back, and what becomes of it when a signal ends the wait."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time

import pytest

from services.aside import run_aside
from services.interrupts import interruptible

NAME = contextvars.ContextVar("NAME", default="")


def test_the_result_and_the_error_come_back() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return f"{NAME.get()} {threading.current_thread() is threading.main_thread()}"

    async def fail() -> None:
        raise LookupError("nothing there")

    NAME.set("the caller's")
    assert run_aside(work()) == "the caller's False"
    with pytest.raises(LookupError, match="nothing there"):
        run_aside(fail())


def test_a_signal_cancels_the_work_and_waits_until_it_has_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.interrupts._first", None)
    closed: list[str] = []

    async def work() -> None:
        try:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            closed.append("in order")

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interruptible():
        run_aside(work())
    assert closed == ["in order"]
    assert time.monotonic() - started < 30
