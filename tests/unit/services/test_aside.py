"""A loop beside the main thread: what it gives back, and what becomes of it when a signal ends the wait."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import os
import resource
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
def test_a_loop_that_cannot_start_is_an_error_and_no_wait() -> None:
    """For want of file descriptors."""
    ended: list[int | None] = []

    def ask() -> None:
        try:
            run_aside(asyncio.sleep(0))
        except OSError as error:
            ended.append(error.errno)

    thread = threading.Thread(target=ask, daemon=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        thread.start()
        thread.join(10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    gc.collect()  # asyncio's half a loop complains as it goes
    assert ended == [errno.EMFILE]
