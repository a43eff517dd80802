"""What the other threads hand to the one that talks to Ray, and the way to it."""

from __future__ import annotations

import logging
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

from services.ray.placement import ONE_CPU, Placement
from tocoad.errors import StageError
from tocoad.stages.stage import Progress, ProgressCallback, silent

logger = logging.getLogger(__name__)


class StageStoppedError(StageError):
    """The flow ended, by Ctrl-C or an error, while the stage still ran."""


@dataclass
class Call:
    """One function for a worker. `answer` has what it returned, or an exception; cancelling it stops the function.

    `on_progress` is called in the driver's thread.
    """

    key: str
    label: str
    worker_function: str
    arguments: tuple[Any, ...]
    on_progress: ProgressCallback = silent
    urgency: float = 0.0
    placement: Placement = ONE_CPU
    answer: Future[Any] = field(default_factory=Future)

    def end(self, result: Any) -> None:
        # The caller may cancel it at any moment.
        with suppress(InvalidStateError):
            if isinstance(result, BaseException):
                self.answer.set_exception(result)
            else:
                self.answer.set_result(result)

    def tell(self, update: Progress) -> None:
        try:
            self.on_progress(update)
        except Exception:
            # Who watches is told nothing more; the stage is worth more than its figures.
            logger.warning("%s: its progress could not be shown", self.label, exc_info=True)
            self.on_progress = silent


class Inbox:
    """The way to the driver's thread, for as long as it is there."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._lock = Lock()
        self._closed = False

    def put(self, call: Call) -> None:
        """Every call that is put here gets its answer."""
        with self._lock:
            if not self._closed:
                self._calls.put(call)
                return
        call.end(stopped(call))

    def end(self) -> None:
        """Tells the thread to end, after what was put before."""
        self._calls.put(None)

    def take(self, wait: bool) -> Call | None:
        """Raises Empty; None is the end."""
        return self._calls.get(block=wait)

    def close(self) -> None:
        """Answers whatever is left, and from now on at once."""
        with self._lock:
            self._closed = True
        with suppress(Empty):
            while True:
                if (call := self.take(wait=False)) is not None:
                    call.end(stopped(call))


def stopped(call: Call) -> StageStoppedError:
    return StageStoppedError(f"{call.label}: stopped; the next run goes on from its last checkpoint")
