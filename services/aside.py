"""An event loop beside the main thread."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from services.interrupts import held

T = TypeVar("T")


def run_aside(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine in a thread of its own and waits for it; what it starts has ended when this returns.

    A signal is raised in the main thread, wherever that is: in the middle of a loop's own work it would lose a step for
    which others wait for ever. Here it only ends the wait, and then cancels the work.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()
    ended: Future[T] = Future()

    async def body() -> T:
        task = asyncio.current_task()
        assert task is not None
        started.set_result((asyncio.get_running_loop(), task))
        return await work

    def run() -> None:
        try:
            ended.set_result(asyncio.run(body()))
        except BaseException as error:
            started.cancel()  # the loop may not have come so far
            ended.set_exception(error)

    thread = Thread(target=contextvars.copy_context().run, args=(run,), name="aside", daemon=True)
    try:
        with held():  # started or not, and nothing between
            thread.start()
        return ended.result()
    except BaseException:
        with held():
            if thread.ident is not None:
                with suppress(CancelledError, RuntimeError):  # it has never run, or has just closed
                    loop, task = started.result()
                    loop.call_soon_threadsafe(task.cancel)
                thread.join()
        raise
