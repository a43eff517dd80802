"""Points of live curves on their way to MLflow: who reports them neither waits nor fails, whatever becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread

from services.mlflow.run import Point, Run
from tocoad.errors import first_line
from tocoad.files.workspace import Owner

_SEND_SECONDS = 1.0
# After a fault; a call to a server that is away takes long enough by itself.
_AGAIN_SECONDS = 5.0
# Points that may wait, about 20 MB of memory; what comes then is lost.
_LIMIT = 100_000


class Figures:
    """A thread of its own sends what waits, about once a second; what could not be sent waits for the next time."""

    def __init__(self, run_of: Callable[[Owner], Run]) -> None:
        self._run_of = run_of
        self._waiting: dict[Owner, list[Point]] = {}
        self._taken = self._lost = self._sent = 0
        self._fault: str | None = None
        self._lock = Lock()
        self._ending = Event()
        self._thread = Thread(target=self._work, name="figures", daemon=True)
        self._thread.start()

    def add(self, owner: Owner, metrics: Mapping[str, float], step: int) -> None:
        """Takes the figures of a step."""
        now = int(time.time() * 1000)
        with self._lock:
            if self._taken - self._sent + len(metrics) > _LIMIT:
                self._lost += len(metrics)
                return
            self._taken += len(metrics)
            self._waiting.setdefault(owner, []).extend(Point(key, value, step, now) for key, value in metrics.items())

    def close(self, seconds: float) -> str | None:
        """Sends the rest, for so long at most; returns the line that is to be told, None where everything arrived."""
        self._ending.set()
        self._thread.join(seconds)
        if not (missing := self._taken - self._sent + self._lost):
            return None
        return f"MLflow: {missing} figures of the curves did not arrive ({self._fault or 'it did not answer in time'})"

    def _work(self) -> None:
        pause = _SEND_SECONDS
        while not self._ending.wait(pause):
            pause = _SEND_SECONDS if self._send() else _AGAIN_SECONDS
        self._send()

    def _send(self) -> bool:
        """Whether all that waited was sent; one run that cannot be written to keeps no other's figures back."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        left = {}
        for owner, points in waiting.items():
            try:
                self._run_of(owner).log_points(points)
                self._sent += len(points)
            except Exception as error:
                self._fault = first_line(error)
                left[owner] = points
        with self._lock:
            for owner, points in left.items():
                self._waiting[owner] = points + self._waiting.get(owner, [])
        return not left
