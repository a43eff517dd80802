"""Who watches the stages: the flow reports each stage's progress here, a terminal may listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tocoad.stage import Progress

Listener = Callable[[str, Progress], None]

_listeners: list[Listener] = []


def report(label: str, progress: Progress) -> None:
    """Tells every listener; called from several threads."""
    for listener in tuple(_listeners):
        listener(label, progress)


@contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """`listener` hears of every stage while the context is open."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
