"""Progress bars on standard error; silent where it is not a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
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


class Bars(Progress):
    """Bars, below a line of text where there is one."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """As rich asks for them."""
        if self.line:
            yield Text(printable(self.line))
        yield from super().get_renderables()

    def stop(self) -> None:
        """Before version 15 rich ends with an empty line in a log too, where nothing was drawn."""
        if not self.disable:
            super().stop()


def progress_bars() -> Bars:
    """Each with a text, the count, the time gone and left, and the latest figures."""
    console = Console(stderr=True)
    return Bars(
        _PlainColumn(lambda task: f"{task.description:<34}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
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
