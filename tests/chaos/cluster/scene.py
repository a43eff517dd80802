"""A retrain that runs, as a fault sees it: when its moment has come, and on whom it falls."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TypeVar

from tests.chaos.cluster.jobs import Running, running
from tests.chaos.cluster.plan import LAST_SECONDS, START, STEPS, Round
from tests.chaos.cluster.site import Site
from tests.chaos.workshop import Command

T = TypeVar("T")

_LOOK_SECONDS = 0.05
# So long a training is let go on until its first checkpoint is in the store.
_CHECKPOINT_SECONDS = 15.0


class TooLateError(Exception):
    """The command ended before the moment came."""


@dataclass
class Scene:
    """`seconds` is what an undisturbed run takes."""

    site: Site
    at: Round
    command: Command
    embedded: bool
    seconds: float

    def __post_init__(self) -> None:
        self.draw: random.Random = self.at.random()

    def await_moment(self) -> None:
        """Raises TooLateError."""
        if not self.at.at:
            wait = self.command.started + self.at.share * self.seconds - time.time()
            over = time.monotonic() + wait
            self.until(lambda: time.monotonic() > over)
        elif self.at.at == START:
            return
        elif self.at.stage in STEPS:
            self.until(lambda: self.tasks(f"{self.at.stage}%", "RUNNING"))
        elif self.at.at == LAST_SECONDS:
            self.until(lambda: self.tasks("report%", "COMPLETED"))
        else:
            self.until(self._any_job)
            if self.at.stage == "stage1":
                over = time.monotonic() + _CHECKPOINT_SECONDS
                self.until(lambda: self._has_checkpoint() or time.monotonic() > over)

    def job(self) -> Running:
        """One of those that the fault may fall on, when there is one."""
        return self.until(self._any_job)

    def tasks(self, name: str, *states: str) -> list[str]:
        """Of Prefect's tasks of that name, in runs since the command began, those in a state of such a type or name."""
        marks = ", ".join("?" * len(states))
        query = f"select name from task_run where name like ? and (state_type in ({marks}) or state_name in ({marks}))"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.command.started - 1))
        database = self.site.prefect_database(self.embedded)
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as tables:
            found = tables.execute(f"{query} and created > ?", (name, *states, *states, since)).fetchall()
            return [task for (task,) in found]
        return []

    def until(self, condition: Callable[[], T | None]) -> T:
        """The condition's first true value. Raises TooLateError."""
        while not (value := condition()):
            if not self.command.runs:
                raise TooLateError
            time.sleep(_LOOK_SECONDS)
        return value

    def _any_job(self) -> Running | None:
        found = [job for job in running(self.site.nodes) if self.at.stage in (None, job.stage)]
        return self.draw.choice(found) if found else None

    def _has_checkpoint(self) -> bool:
        return any(self.site.store.folder.glob("**/notes/checkpoints/*"))
