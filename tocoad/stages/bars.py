"""Progress bars on standard error; silent where it is not a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tocoad.stages.stage import Progress as StageProgress
from tocoad.stages.stage import ProgressCallback
from tocoad.text.printable import printable


def progress_bars() -> Progress:
    """Bars with a text, the count, the time gone and left, and the latest figures."""
    console = Console(stderr=True)
    return Progress(
        _PlainColumn(lambda task: f"{task.description:<34}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _LeftColumn(),
        _PlainColumn(lambda task: task.fields.get("figures", ""), "dim"),
        console=console,
        disable=not console.is_terminal,
    )


class _PlainColumn(ProgressColumn):
    """Text of users, which rich's own column would take for markup."""

    def __init__(self, text: Callable[[Task], str], style: str = "none") -> None:
        super().__init__()
        self._text, self._style = text, style

    def render(self, task: Task) -> Text:
        return Text(printable(self._text(task)), self._style, no_wrap=True)


class _LeftColumn(TimeRemainingColumn):
    """The row's own text for the time left where it has one: rich looks at the last half minute alone."""

    def render(self, task: Task) -> Text:
        left: str | None = task.fields.get("left")
        return super().render(task) if left is None else Text(left, "progress.remaining")


def figures_text(progress: StageProgress) -> str:
    """The step's first two figures, short enough for one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in list(progress.metrics.items())[:2])


@contextmanager
def stage_bar(description: str) -> Iterator[ProgressCallback]:
    """One bar for one stage; yields the callback that moves it."""
    with progress_bars() as bars:
        task = bars.add_task(description, total=None, figures="")

        def move(progress: StageProgress) -> None:
            bars.update(task, completed=progress.step, total=progress.total, figures=figures_text(progress))

        yield move
