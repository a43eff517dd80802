"""What a person sees of a wait: a line that says for whom, and on a terminal the time that it takes."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress


class WaitingLine:
    """Nothing, as long as it is not told for whom."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._clock: Progress | None = None

    def tell(self, text: str) -> None:
        """A line on standard error where the text is new."""
        if text == self.text:
            return
        self.text = text
        self._stop()
        print(text, file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.errors import LiveError
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        clock = Progress(*columns, console=Console(stderr=True), transient=True)
        clock.add_task("waiting", total=None)
        # The caller may show a bar of its own already.
        with suppress(LiveError):
            clock.start()
            self._clock = clock

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None
