"""The page of all rows."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.cluster.plan import ONCE
from tests.chaos.cluster.rows import HEADINGS, Row

_TEXT = """# Faults of a cluster

A retrain of three tiny rendered categories, one with nothing to do. The driver is on the head of a cluster of two
nodes, `a` and `b`, that share an S3 store and nothing else: each has a network of its own, and none sees the workspace.
MLflow and Prefect have servers. One fault strikes; where the command does not end well, the same is run again.

*Noticed* is when the retrain said something of it, tried a job again or ended; *done* when all was as it should be, by
the flow itself or by its restart: both in seconds after the fault. A node that does not answer is given up after about
6 s here, by Ray's default after 65.

*Clean* means: in the end the weights are those of a plain local run, and so is every output in dvc.lock; no category is
lost, no stage was completed twice, and what had nothing to do did nothing; each champion is that of a plain local run,
and the one that the log of decisions makes; no package is registered twice; no run of MLflow or Prefect is open; errors
are one line each, without a traceback; and a minute later no process, job, private or temporary folder, lease,
checkpoint or held place is left, on the nodes that are up or here. (What a process on a node that was declared dead has
still saved of its training stays in the store until `tocoad gc`.)

## Each fault once

`python -m tests.chaos faults --seed {seed}` (`--only TEXT` for some): {count}.

{once}

## The soak

{soak}
"""


def page(rows: Sequence[Row]) -> str:
    order: list[tuple[str, str]] = [*ONCE]
    once = sorted((row for row in rows if not row.soak), key=lambda row: order.index((row.fault, row.moment)))
    soak = sorted((row for row in rows if row.soak), key=lambda row: row.number)
    seeds = ", ".join(str(seed) for seed in sorted({row.seed for row in once}))
    return _TEXT.format(seed=seeds, count=_clean(once), once=_table(once), soak=_soak(soak))


def _soak(rows: Sequence[Row]) -> str:
    if not rows:
        return "Not run yet."
    command = f"python -m tests.chaos soak --rounds {len(rows)} --seed {rows[0].seed}"
    drawn = "fault, moment and victim are drawn from the seed; the moment is a share of an undisturbed run's time"
    return f"`{command}`: {_clean(rows)}; {drawn}.\n\n{_table(rows)}"


def _clean(rows: Sequence[Row]) -> str:
    revisions = ", ".join(dict.fromkeys(row.revision for row in rows))
    struck = [row for row in rows if row.struck]
    clean = sum(not row.found for row in struck)
    return f"of {len(rows)} rounds {len(struck)} did their harm, and {clean} of these were clean, at {revisions}"


def _table(rows: Sequence[Row]) -> str:
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
