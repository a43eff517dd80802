"""What is wrong with a file of verdicts, line by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tocoad.errors import UserError
from tocoad.text.printable import printable


@dataclass(frozen=True, order=True)
class LineProblem:
    """`line` is that of the CSV, its header the first."""

    line: int
    reason: str


class FeedbackError(UserError):
    """Verdicts that cannot be taken; all problems are told, a line each, and nothing was written."""

    def __init__(self, file: Path, problems: Iterable[LineProblem]) -> None:
        self.file, self.problems = file, sorted(set(problems))
        lines = [f"{printable(file.name)}, line {found.line}: {printable(found.reason)}" for found in self.problems]
        if len(lines) > 1:
            lines.append(f"{len(lines)} problems: nothing was taken; mend these lines, then run the same again")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[FeedbackError], tuple[Path, list[LineProblem]]]:
        # By default an error is made anew from its text.
        return type(self), (self.file, self.problems)
