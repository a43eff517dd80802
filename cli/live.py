"""The flow's progress on a terminal: a bar for each stage that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def live_progress() -> Iterator[None]:
    """While it is open, every stage that reports progress has a bar, which goes when the stage is done."""
    from rich.progress import TaskID

    from services.watching import watching
    from tocoad.stages.progress import figures_text, progress_bars
    from tocoad.stages.stage import Progress

    with progress_bars() as bars:
        rows: dict[str, TaskID] = {}

        def show(label: str, progress: Progress) -> None:
            if label not in rows:
                rows[label] = bars.add_task(label, total=progress.total, figures="")
            bars.update(
                rows[label],
                completed=progress.step,
                total=progress.total,
                figures=figures_text(progress),
                visible=progress.step < progress.total,
            )

        with watching(show):
            yield
