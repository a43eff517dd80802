"""What is wrong with a file, and the error that carries everything that was found wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tocoad.errors import StageError
from tocoad.text.printable import printable

_SHOWN = 10


@dataclass(frozen=True, order=True)
class Problem:
    """One file or folder that cannot be used; `reason` is a clause that says why and, where it helps, the way out."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{printable(str(self.file))}: {printable(self.reason)}"


class DataError(StageError):
    """Images that cannot be used. `problems` holds all that were found; the text shows the first ten, a line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"... and {len(self.problems) - _SHOWN} more")
        if len(self.problems) > 1:
            lines.append(f"{len(self.problems)} problems: mend or remove these files, then try again")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[DataError], tuple[list[Problem]]]:
        # Errors travel from worker to driver; by default they would be made anew from their text.
        return type(self), (self.problems,)
