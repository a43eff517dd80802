"""The jobs' progress on a terminal: a line for all, and bars while few run. In a log: a line each minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from services.fleet import Fleet
    from tocoad.stages.bars import Bars

# More bars than this push each other off the screen: then the line alone tells.
BARS_MAX = 8
_DRAW_SECONDS = 0.25


@contextmanager
def starting() -> Iterator[None]:
    """On a terminal: that Prefect is waited for, which before the first job takes seconds, on a busy machine many."""
    from cli.console import console_of

    console = console_of()
    if console.is_terminal:
        with console.status("starting Prefect ..."):
            yield
    else:
        yield


@contextmanager
def live_progress() -> Iterator[None]:
    """Tells of the jobs on standard error while it is open."""
    from cli.console import console_of, print_line
    from services.fleet import told, told_in_lines
    from tocoad.stages.bars import progress_bars

    console = console_of()
    if not console.is_terminal:
        with told_in_lines(lambda line: print_line(console, line)):
            yield
        return
    with progress_bars() as bars, told(Screen(bars).draw, _DRAW_SECONDS):
        yield


class Screen:
    """The fleet's line first, and below it a bar for each running job, while these are few."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._rows: dict[str, TaskID] = {}

    def draw(self, fleet: Fleet) -> None:
        """Brings line and bars up to date."""
        from tocoad.stages.bars import figures_text

        if fleet.total:
            self._bars.line = fleet.line()
        shown = fleet.running if len(fleet.running) <= BARS_MAX else {}
        for job in [job for job in self._rows if job not in shown]:
            self._bars.remove_task(self._rows.pop(job))
        for job, progress in shown.items():
            if job not in self._rows:
                self._rows[job] = self._bars.add_task(job, total=None, figures="")
            if progress is not None:
                self._bars.update(
                    self._rows[job], completed=progress.step, total=progress.total, figures=figures_text(progress)
                )
        self._bars.refresh()
