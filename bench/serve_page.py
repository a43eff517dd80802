"""docs/results/serving.md, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.timing import Row

PAGE = Path(__file__).parents[1] / "docs" / "results" / "serving.md"

_TEXT = """# Serving

Made by `python -m bench serve`: `tocoad serve` on loopback with {threads} threads, asked for one image a request, a PNG
of 256 px of the rendered gears, by PatchCore of the profile `default`. Callers share the machine's {threads} cores with
the server: the more they are, the less is left for it. {rounds} rounds of {seconds:g} s in turns; rates are medians,
times are of all answers. What it was measured on stands in `bench/results.json`.

Before it began **{load:.0f} processes of others** wanted the machine's cores. Where these are more than one or two, the
clock's figures tell of them, and only the shares and the processor's time tell of HTTP.

{alone}

| | requests/s | of the detector alone | processor, ms a request | of the detector alone | p50, ms | p95, ms | p99, ms |
|---|---:|---:|---:|---:|---:|---:|---:|
{rows}

Processor time is the server's, whatever else the machine does: what it is above that of the detector alone is HTTP's.
One caller waits for each answer, so that one core works at a time: it is compared with the detector on one thread, all
others with {threads}. With more callers than threads a request waits for those before it: its time is the number of
callers over the rate. None was refused.
"""


def write_page(rows: Sequence[Row]) -> None:
    """`rows` are those of `bench.serve`."""
    from bench.serve import LOAD, ROUNDS, SECONDS, THREADS

    alone, cells = [], dict[str, list[str]]()
    load = next(row.figure for row in rows if row.what == LOAD)
    for row in rows:
        if row.what == LOAD:
            continue
        name = row.what.partition(": ")[0].replace("1 callers", "1 caller")
        if row.unit == "images/s":
            alone.append(f"{row.what.capitalize()}: {row.figure:.1f} images/s.".replace("1 threads", "1 thread"))
        elif name.startswith("the detector"):
            alone[-1] = alone[-1].replace(" images/s.", f" images/s, {row.figure:.1f} ms of processor an image.")
        else:
            digits = 1 if row.ratio is not None else 0
            found = [f"{row.figure:.{digits}f}", *([] if row.ratio is None else [f"{row.ratio:.0%}"])]
            cells.setdefault(name, []).extend(found)
    text = _TEXT.format(
        threads=THREADS, rounds=ROUNDS, seconds=SECONDS, load=load, alone=" ".join(alone),
        rows="\n".join(f"| {name} | {' | '.join(found)} |" for name, found in cells.items()),
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")
