"""docs/results/cluster.md, from what was measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.machine import machine
from bench.timing import Row

PAGE = Path(__file__).parents[1] / "docs" / "results" / "cluster.md"
_VARIABLES = ("TOCOAD_CLUSTER_STEPS", "TOCOAD_CLUSTER_TURNS")

_TEXT = """# What a cluster costs

Made by `{command}`, on {cpu}, {cores} cores; Python {python}.

The load was {load}: processes that ran or waited in the minute before. Head, nodes, S3 server and driver are on this
one machine and share its cores. Seconds are the clock's: a median of {turns}, of the longest job and the whole command
one.

The job is ToCoAD's stage 1 of the profile `default`, over 200 rendered images of 256 x 256. *Orchestration* is what
passes from a job's submission to its output at home and is not the stage's own: the hand-over, what it reads put into
the store and fetched by the node, links, what it makes put and brought home. Rows that begin with *computed* are
arithmetic on the row before.

| | | |
|---|---:|---:|
{rows}

- *In this process*: `run_stage`, as `dvc repro` does. The column after the figure compares with that row; of two
  workers it is how many times as fast as one they are.
- *Processor seconds* on the cluster have in them the checkpoints that go to the store meanwhile.
- *Fetched* and *put*: bytes between a node and the store, of images, synthetic anomalies and networks. With a node
  cache that is warm the node fetches nothing.
- *The whole command*: `tocoad retrain` of one category with its control, from nothing: with the start of Python and of
  Prefect's server, DVC, MLflow, gate and report.
- *Decoded and resized*: what the first job of a category does on a node, and keeps there for the others; *from the
  cache* is theirs.
"""


def write_page(rows: Sequence[Row], turns: int) -> None:
    where = {key: value for key, value in machine().items() if key in ("cpu", "cores", "load", "python")}
    set_here = [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    command = " ".join([*set_here, "python -m bench cluster"])
    text = _TEXT.format(rows="\n".join(map(_line, rows)), turns=turns, command=command, **where)
    PAGE.write_text(text, encoding="utf-8")


def _line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
    return f"| {row.what} | {row.figure:.4g} {row.unit} | {ratio} |"
