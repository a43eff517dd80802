"""A store that is away for a while: what is asked of it is asked again, within limits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from services.store.errors import StoreAwayError

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""Longer than a server takes to start again. One request more may be on its way by then: `bucket.TIMEOUTS`."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


def patiently(ask: Callable[[], T], seconds: float, stopped: threading.Event | None = None) -> T:
    """What `ask` returns, which is called again, with growing pauses, while the store is away.

    Raises:
        StoreAwayError: it was away for `seconds`, or the work was stopped meanwhile.
    """
    stopped = stopped or threading.Event()
    begin, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        try:
            return ask()
        except StoreAwayError as error:
            # Not all at once, of many that were sent away at once.
            wait = pause * random.uniform(0.5, 1.0)
            if time.monotonic() + wait - begin > seconds:
                raise StoreAwayError(f"{error}; it was asked for {seconds:.0f} s") from error
            if stopped.wait(wait):
                raise
        pause = min(2 * pause, _LONGEST_PAUSE)
