"""docs/results/scoring.md, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.timing import Row

PAGE = Path(__file__).parents[1] / "docs" / "results" / "scoring.md"

_TEXT = """# Scoring many images

Made by `TOCOAD_SCORE_IMAGES=FOLDER python -m bench score`: {images} images of MVTec AD's `bottle` (256 px, PNG), and
PatchCore of the profile `default`, on {cores} cores of {cpu}. In the last minute {load:g} processes ran or waited
there, of which {cores} were these. The ways take turns, {turns} each after one to warm up; medians. `score` counts
with its listing and its table.

## Beside the bare detector

{speed}

The bare detector is `tocoad predict`'s loop in one process with a thread a core; *from files* is what all but the first
do: read, decode, resize, score. The processor's time is that of all processes, Ray's own with it, and without the S3
server's, which shares the cores. It is the column to read: by the clock what else the machine does decides, and two
processes get more of a busy one than two threads. Before the first image Ray and its workers take
{start:.0f} s by the clock.

## Memory

Of the process that leads: the listing is sorted on disk, and the table is written from it and from the journals.

{memory}
"""


def write_page(rows: Sequence[Row]) -> None:
    """`rows` are those of `bench.score`."""
    from bench.machine import machine
    from bench.score import BARE, BUCKET, CLOCK, CORES, FILES, FOLDER, IMAGES, PROCESSOR, START, TURNS

    found = {row.what: row for row in rows}
    speed = [
        f"| | {CLOCK} | of the bare detector's from files | {PROCESSOR} an image | of the bare detector's |",
        "|---|---:|---:|---:|---:|",
    ]
    for way in (BARE, FILES, FOLDER, BUCKET):
        cells = [cell for unit in (CLOCK, PROCESSOR) for cell in _cells(found[f"{way}: {unit}"])]
        speed.append(f"| {way} | {' | '.join(cells)} |")
    where: Mapping[str, object] = machine()
    text = _TEXT.format(
        images=IMAGES, turns=TURNS, cores=CORES, cpu=where["cpu"], load=where["load"],
        speed="\n".join(speed), start=found[START].figure, memory="\n".join(_memory(found)),
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")


def _cells(row: Row) -> tuple[str, str]:
    assert row.ratio is not None
    return f"{row.figure:.1f}", f"{row.ratio:.0%}"


def _memory(found: Mapping[str, Row]) -> list[str]:
    from bench.score_memory import SIZES

    columns = {
        "greatest resident set": "{:.0f} MiB",
        "seconds to list them": "{:.1f} s",
        "seconds to write the table": "{:.1f} s",
        "on disk meanwhile": "{:.0f} bytes an image",
    }
    lines = [f"| images | {' | '.join(columns)} |", "|---:|" + "---:|" * len(columns)]
    for size in SIZES:
        cells = [form.format(found[f"{size:,} images: {what}"].figure) for what, form in columns.items()]
        lines.append(f"| {size:,} | {' | '.join(cells)} |")
    return lines
