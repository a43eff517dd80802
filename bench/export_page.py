"""docs/results/export.md, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.timing import Row
from tocoad.export.formats import FORMATS

PAGE = Path(__file__).parents[1] / "docs" / "results" / "export.md"

_TEXT = """# Exported detectors

Made by `python -m bench export`: detectors of every method on `gear` of the built-in data set, in the networks and
sizes of the profile `default` (256 px), with a few steps of its training; {further} test images that no export was
checked with; one thread on one core of {cpu}. Milliseconds are of the processor, as {load} processes ran or waited
beside.

## The same verdicts

The greatest differences from the detector: scores as shares of the greatest one, maps of the category's fixed scale,
and how many of {further} labels are others. An export is refused beyond 1e-5 and 1e-4 on its probes.

{parity}

## What it costs

Milliseconds an image, alone and in a batch of {batch}, beside the detector, which takes images one by one.

{cost}
"""


def write_page(rows: Sequence[Row], machine: Mapping[str, object]) -> None:
    """`rows` as `bench.export` has them: what is measured, of which detector, in which format."""
    figures: dict[tuple[str, str, str], float] = {}
    further = batch = ""
    for row in rows:
        name, _, said = row.what.partition(": ")
        what, _, form = said.rpartition(", ")
        if "apart of" in what:
            what, _, further = what.partition(" of ")
        elif "image of" in what:
            batch = what.rpartition(" ")[2]
            what = "together"
        figures[name, what, form] = row.figure
    names = list(dict.fromkeys(name for name, _, _ in figures))
    parity = _table(
        ("detector", *(f"{form}: {what}" for form in FORMATS for what in ("scores", "maps", "labels"))),
        [
            [name]
            + [
                text
                for form in FORMATS
                for text in (
                    f"{figures[name, 'scores apart', form]:.1e}",
                    f"{figures[name, 'maps apart', form]:.1e}",
                    f"{figures[name, 'labels apart', form]:.0f}",
                )
            ]
            for name in names
        ],
    )
    cost = _table(
        ("detector", "ms", *(f"{form}, alone | in a batch" for form in FORMATS), "MiB", *FORMATS),
        [
            [name, f"{figures[name, 'an image', 'the detector']:.1f}"]
            + [f"{figures[name, 'an image', form]:.1f} | {figures[name, 'together', form]:.1f}" for form in FORMATS]
            + [f"{figures[name, 'bytes', form]:.1f}" for form in ("the detector", *FORMATS)]
            for name in names
        ],
    )
    where = {name: machine[name] for name in ("cpu", "load")}
    PAGE.write_text(_TEXT.format(parity=parity, cost=cost, further=further, batch=batch, **where), encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = " | ".join(head)
    rule = "|---|" + "---:|" * columns.count(" | ")
    return "\n".join([f"| {columns} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])
