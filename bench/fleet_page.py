"""docs/results/fleet.md and its plot, from what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.fleet_sizes import FITTED
from bench.machine import machine
from bench.timing import Row

Measured = Mapping[int, Mapping[str, Mapping[str, float]]]
"""By number of categories and part: seconds, and the greatest resident set in bytes."""

PAGE = Path(__file__).parents[1] / "docs" / "results" / "fleet.md"
_DRAWN = ("record all", "stale", "sources", "track", "retrain, nothing to do", "dvc status", "dvc repro, nothing to do")

_TEXT = """# Many categories

Made by `{command}`.

## Planning

A workspace of each size, rendered: twelve images of 16 x 16 a category, all eight jobs of ToCoAD and its
control made, with outputs of a few bytes. Seconds are the processor's, of one process on {cpu}, without the
start of Python; Python {python}.

{table}

The exponent is fitted over {fitted} categories: 1 is linear, 2 the square. The column after it compares with
`dvc status` at the largest size.

- *record all*: DVC's record of every job, from nothing. *record one category*: of eight jobs more, by a
  process that has asked before what is stale. *adopt one category*: the same of what a run had finished that
  broke off, with a look at every byte.
- *plan*: plan.yaml. *track*: the images as they are, under DVC. *stale*: what is to run.
  *sources*: digests of settings and images. Each by a process that has read nothing before.
- *retrain, nothing to do*: settings, plan, track and stale as a retrain asks for them, in one process.
- *dvc status*, *dvc repro*: the whole commands.

![seconds over categories](fleet.svg)

## A retrain that finds nothing to do

The whole command, `tocoad retrain NAME`, on categories that are trained, registered and judged: PatchCore alone, three
jobs each. Processor seconds, Prefect's server included, medians of three runs; kept by `python -m bench fleet_retrain`.

{retrains}

*MLflow*: its database opened and checked, and runs of dead processes closed. *registry and verdicts*: whether the
registry has each package as it lies here, and what the gate would say now. *By the clock*: beside whatever else the
machine did (`load` in bench/results.json: processes that ran or waited).

## Places at work

A retrain's way of running its stages, on stages that only sleep and a Ray that is told it has 100 processors; kept by
`python -m bench fleet_slots`.

{slots}
"""


def exponent(measured: Measured, part: str) -> float:
    """The slope of a line through the logarithms of sizes and seconds: 1 is linear, 2 the square."""
    seconds = [measured[size][part]["seconds"] for size in FITTED]
    return float(np.polyfit([math.log(size) for size in FITTED], [math.log(value) for value in seconds], 1)[0])


def write_page(measured: Measured, slots: Sequence[Row], retrains: Sequence[Row]) -> None:
    where, largest = machine(), max(measured)
    parts = list(measured[largest])
    status = measured[largest]["dvc status"]["seconds"]
    sizes = sorted(measured)
    head = ["part", *(f"{size:,}" for size in sizes), "exponent", "of `dvc status`", f"peak MiB at {largest:,}"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for part in parts:
        seconds = [f"{measured[size][part]['seconds']:.2f}" for size in sizes]
        share = measured[largest][part]["seconds"] / status
        peak = measured[largest][part]["peak"] / 2**20
        cells = [part, *seconds, f"{exponent(measured, part):.2f}", f"{share:.2f}", f"{peak:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    fitted = ", ".join(f"{size:,}" for size in FITTED)
    command = "python -m bench fleet"
    if max(FITTED) < 1000:
        command = f"TOCOAD_FLEET_LARGEST={max(FITTED)} {command}"
    text = _TEXT.format(
        command=command,
        cpu=where["cpu"],
        python=where["python"],
        table=table,
        fitted=fitted,
        slots=_slots(slots),
        retrains=_retrains(retrains),
    )
    PAGE.write_text(text, encoding="utf-8")
    _draw(measured, PAGE.with_suffix(".svg"))


def _slots(rows: Sequence[Row]) -> str:
    lines = ["| | |", "|---|---:|", *(f"| {row.what} | {row.figure:.4g} {row.unit} |" for row in rows)]
    return "\n".join(lines)


def _retrains(rows: Sequence[Row]) -> str:
    """A column for each number of categories; below it what one more costs."""
    table: dict[str, dict[str, str]] = {}
    for row in (row for row in rows if row.unit == "s"):
        size, _, part = row.what.partition(" categories: ")
        table.setdefault(part, {})[size] = f"{row.figure:.2f}"
    sizes = list(next(iter(table.values()), ()))
    lines = [f"| part | {' | '.join(f'{int(size):,}' for size in sizes)} |", f"|---|{'---:|' * len(sizes)}"]
    lines += [f"| {part} | {' | '.join(cells[size] for size in sizes)} |" for part, cells in table.items()]
    return "\n".join([*lines, "", *(f"- {row.what}: {row.figure:.0f} {row.unit}" for row in rows if row.unit == "ms")])


def _draw(measured: Measured, file: Path) -> None:
    sizes = sorted(measured)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fleet", "font.size": 9}):
        drawing = Figure(figsize=(6.5, 4), layout="constrained")
        FigureCanvasSVG(drawing)
        axes = drawing.subplots()
        for part in _DRAWN:
            axes.loglog(sizes, [measured[size][part]["seconds"] for size in sizes], marker="o", label=part)
        axes.set(
            xlabel="categories", ylabel="seconds of a processor", xticks=sizes, xticklabels=[f"{n:,}" for n in sizes]
        )
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        drawing.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
