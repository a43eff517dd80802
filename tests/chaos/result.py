"""The rounds as a table, on the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.plan import Round

TOO_LATE = "too late"
"""What a harm did that came after the command had ended: nothing, and so its round shows nothing of it."""


@dataclass(frozen=True)
class Result:
    round: Round
    done: str
    code: int | None
    seconds: float
    faults: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        code = "killed" if self.code is None else str(self.code)
        found = "; ".join(self.faults).replace("\n", " ").replace("|", "/") or "clean"
        moment = f"{self.round.moment:.2f}"
        return (str(self.round.number), self.round.state, self.round.kind, moment, self.done, code, found)


HEADINGS = ("round", "trained", "fault", "at", "what it did", "exit code", "found")


def page(results: Sequence[Result], seed: int, revision: str) -> str:
    struck = [result for result in results if result.done != TOO_LATE]
    clean = sum(not result.faults for result in struck)
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(result.cells() for result in results)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# Kills, damage and full disks in the middle of a retrain

`python -m tests.chaos --rounds {len(results)} --seed {seed}`, at {revision}: of {len(results)} rounds {len(struck)} did
their harm in time, and {clean} of these were clean.

A round changes the seed or the images, starts `tocoad retrain`, does one harm to it, and runs the same command again,
undisturbed. `at` is the moment, as a share of an undisturbed run's time. Clean means: the documented exit codes, no
traceback, the JSON document wherever the process lived; afterwards the same weights as an undisturbed run, a champion
of each category that predicts and is the one that the log of decisions makes, no package registered twice, a ledger
that can be read, nothing stale for `tocoad` and `dvc`, no run of MLflow or Prefect that says it still runs, no process
left, and nothing run again that was finished.

{table}
"""
