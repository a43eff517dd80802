"""Many jobs as one line: what is done, what failed, what runs now, and how long it will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic

from services.watching import Ended, Event, Moved, Planned, Started, watching
from tocoad.stages.stage import Progress

_STAGES_SHOWN = 4
LINE_SECONDS = 60.0


@dataclass
class Fleet:
    """Hears of every job. `running` holds each running job's last sign of life, the oldest job first; `ended` how each
    ended. Not for several threads at once.
    """

    clock: Callable[[], float] = monotonic
    planned: int = 0
    running: dict[str, Progress | None] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def hear(self, event: Event) -> None:
        match event:
            case Planned(jobs):
                self.planned += jobs
            case Started(job):
                self.ended.pop(job, None)
                self.running.setdefault(job, None)
            case Moved(job, progress):
                # The last letter of a job may come after its end.
                if job not in self.ended:
                    self.running[job] = progress
            case Ended(job, how):
                self.running.pop(job, None)
                self.ended[job] = how

    @property
    def total(self) -> int:
        """Never fewer than were seen: not everybody can plan."""
        return max(self.planned, len(self.running) + len(self.ended))

    @property
    def seconds(self) -> float:
        """Since it began to hear."""
        return self.clock() - self._since

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first job is done, and where nobody planned."""
        done = sum(how == "done" for how in self.ended.values())
        return self.seconds / done * (self.total - len(self.ended)) if done and self.planned else None

    def at_work(self) -> str:
        """`3 failed; 43 running: fit_tocoad 40, stage1 3`; the most frequent stages first."""
        counts = Counter(self.ended.values())
        said = [f"{count} {how}" for how in ("failed", "left out") if (count := counts[how])]
        stages = Counter(job.partition("@")[0] for job in self.running).most_common()
        shown = [f"{stage} {count}" for stage, count in stages[:_STAGES_SHOWN]]
        if len(stages) > _STAGES_SHOWN:
            shown.append("...")
        told = [", ".join(said)] if said else []
        if shown:
            told.append(f"{len(self.running)} running: {', '.join(shown)}")
        return "; ".join(told)

    def line(self) -> str:
        """`312/8000 jobs, 0:12:04 gone, about 3:10:00 left; 3 failed; 2 running: stage1 2`; where nobody planned,
        it does not say of how many.
        """
        left = self.seconds_left
        times = f"{clock_text(self.seconds)} gone" + (f", about {clock_text(left)} left" if left else "")
        work = self.at_work()
        jobs = f"{len(self.ended)}/{self.total} jobs" if self.planned else f"{len(self.ended)} jobs ended"
        return f"{jobs}, {times}" + (f"; {work}" if work else "")


@contextmanager
def told(look: Callable[[Fleet], None], seconds: float) -> Iterator[None]:
    """While it is open, `look` is called every so many seconds with how the jobs stand, and once more at the end; never
    by two threads at once.
    """
    fleet, lock, over = Fleet(), Lock(), Flag()

    def hear(event: Event) -> None:
        with lock:
            fleet.hear(event)

    def tell() -> None:
        while not over.wait(seconds):
            with lock:
                look(fleet)

    # Prefect's address is in the context: a run's log that is written without it starts a second server.
    teller = Thread(target=copy_context().run, args=(tell,), name="fleet", daemon=True)
    with watching(hear):
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()
            look(fleet)


@contextmanager
def told_in_lines(say: Callable[[str], None], seconds: float = LINE_SECONDS) -> Iterator[None]:
    """For a log: the line every so often, and nothing of what takes less than that."""

    def look(fleet: Fleet) -> None:
        if fleet.total and fleet.seconds >= seconds:
            say(fleet.line())

    with told(look, seconds):
        yield


def clock_text(seconds: float) -> str:
    """`3:10:00`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
