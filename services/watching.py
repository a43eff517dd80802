"""Who watches the jobs: the flow tells here what becomes of each, a terminal may listen.

A job is named `STAGE@OF_WHAT`, as `dvc.yaml` does; `register@...` and `report@...` are told of like stages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tocoad.stages.stage import Progress, ProgressCallback

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """So many jobs more may have to run."""

    jobs: int


@dataclass(frozen=True)
class Started:
    """The job runs; one that tells its progress has started too. One that failed may start again."""

    job: str


@dataclass(frozen=True)
class Moved:
    """A running job's sign of life."""

    job: str
    progress: Progress


@dataclass(frozen=True)
class Ended:
    """`unchanged`: what it reads came out as it was, so it did not run; `left out`: a job that it reads failed."""

    job: str
    how: Literal["done", "unchanged", "failed", "left out"]


Event: TypeAlias = Planned | Started | Moved | Ended
Listener = Callable[[Event], None]

_listeners: list[Listener] = []


def tell(event: Event) -> None:
    """Tells every listener; called from several threads. One that fails is told no more: watching hurts no work."""
    for listener in tuple(_listeners):
        try:
            listener(event)
        except Exception:
            logger.warning("%s could not be shown", event, exc_info=True)
            _forget(listener)


@contextmanager
def telling(job: str) -> Iterator[ProgressCallback]:
    """The block is a job: it is told that it runs, and how it ended. Yields what its progress is told to."""
    tell(Started(job))
    try:
        yield lambda progress: tell(Moved(job, progress))
    except BaseException:
        tell(Ended(job, "failed"))
        raise
    tell(Ended(job, "done"))


@contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """`listener` hears of every job while the context is open."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _forget(listener)


def _forget(listener: Listener) -> None:
    # Another thread may have been faster.
    with suppress(ValueError):
        _listeners.remove(listener)
