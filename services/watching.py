"""Who watches the stages: the flow reports each stage's progress here, a terminal may listen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tocoad.stages.stage import Progress

logger = logging.getLogger(__name__)

Listener = Callable[[str, Progress], None]

_listeners: list[Listener] = []


def report(label: str, progress: Progress) -> None:
    """Tells every listener; called from several threads. One that fails is told no more: watching hurts no work."""
    for listener in tuple(_listeners):
        try:
            listener(label, progress)
        except Exception:
            logger.warning("%s: its progress could not be shown", label, exc_info=True)
            _forget(listener)


@contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """`listener` hears of every stage while the context is open."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _forget(listener)


def _forget(listener: Listener) -> None:
    # Another thread may have been faster.
    with suppress(ValueError):
        _listeners.remove(listener)
