"""The rows of all rounds, kept as they come, and the page made of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos.cluster.plan import Round
from tests.chaos.result import TOO_LATE

CLEAN, SKIPPED = "clean", "skipped: "


@dataclass(frozen=True)
class Ended:
    """How a round ended. `noticed` and `done` are seconds from the moment of the fault; `again`: by its restart."""

    told: str
    code: int | None
    noticed: float | None
    done: float
    again: bool
    found: tuple[str, ...]


@dataclass(frozen=True)
class Row(Ended):
    """`soak`: of a soak with this `seed`; else of the fault done once. `revision` is the code's."""

    soak: bool
    seed: int
    number: int
    fault: str
    moment: str
    revision: str

    @classmethod
    def of(cls, at: Round, ended: Ended, soak: bool, seed: int, revision: str) -> Row:
        which = {"number": at.number, "fault": at.fault, "moment": at.moment}
        return cls(**vars(ended), **which, soak=soak, seed=seed, revision=revision)

    @property
    def struck(self) -> bool:
        return self.told != TOO_LATE and not self.told.startswith(SKIPPED)

    @property
    def key(self) -> tuple[object, ...]:
        return (self.seed, self.number) if self.soak else (self.fault, self.moment)

    def cells(self) -> tuple[str, ...]:
        code = "stopped" if self.code is None else str(self.code)
        noticed = "-" if self.noticed is None else f"{self.noticed:.1f}"
        by = "its restart" if self.again else "the flow"
        found = "; ".join(self.found).replace("\n", " ").replace("|", "/") or CLEAN
        return (self.fault, self.moment, self.told, code, noticed, f"{self.done:.0f}", by, found)


HEADINGS = ("fault", "moment", "what happened", "exit code", "noticed, s", "done, s", "by", "invariants")


class Rows:
    """Kept in a file, a line each, from the moment that they are there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self.all = [Row(**{**row, "found": tuple(row["found"])}) for row in map(json.loads, lines)]

    def has(self, at: Round, soak: bool, seed: int) -> bool:
        key = (seed, at.number) if soak else (at.fault, at.moment)
        return any(row.soak == soak and row.key == key for row in self.all)

    def has_clean(self, at: Round) -> bool:
        """Of the fault done once."""
        key = (at.fault, at.moment)
        return any(not row.soak and row.key == key and row.struck and not row.found for row in self.all)

    def keep(self, row: Row) -> None:
        """In place of an earlier one of the same. A soak with another seed takes the place of the whole one before."""

        def stays(other: Row) -> bool:
            return other.soak != row.soak or (other.key != row.key and (not row.soak or other.seed == row.seed))

        self.all = [*filter(stays, self.all), row]
        self._file.write_text("".join(f"{json.dumps(asdict(row))}\n" for row in self.all), encoding="utf-8")
