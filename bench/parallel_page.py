"""docs/results/parallel.md, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.timing import Row

PAGE = Path(__file__).parents[1] / "docs" / "results" / "parallel.md"

_TEXT = """# Several workers

Made by `python -m bench parallel`: a step of each training in the networks and batches of the profile `default`
(batch 8, 256 px), alone and shared by two workers of one thread each, on {cores} cores of {cpu}. {load} processes
ran or waited beside while it was measured, so seconds by the clock are those of a busy machine; seconds of the
processor, of the busier of the two workers, are what a step costs each of them whatever runs beside.

{table}

A second worker halves what is drawn, what goes through the encoder and what comes back. It does not halve what is
done once for a step whatever the batch, the optimiser's update of all weights, and adds the sums over both: of
gradients, and two of each batch norm that trains. *Share* is what is left of a step for each worker, which a machine
with a free core for each would need; the clock's is that and waiting.

The last columns tell how far the two trainings are apart after {steps} steps in single precision, the loss at its
worst step, of which the file has six digits, and all weights by their norm: sums in another order, and activations
beside a kink. ReContrast's decoder starts at a rate of 2e-3 and turns such a difference into the largest of the three.
In double precision they are one training within 1e-8 (`tests/unit/tocoad/parallel/test_steps.py`);
[decision 30](../decisions/0030-workers-share-a-step.md) says how. The start of the workers, some seconds for each of
Ray Train's processes, comes once a job on top.
"""

_HEAD = (
    "| training | a step, s | on 2 workers, s | of the processor, s | on 2 workers, s | share | loss apart "
    "| weights apart |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"
)


def write_page(rows: Sequence[Row], machine: Mapping[str, object]) -> None:
    """`rows` are six of each training, as `bench.parallel` has them."""
    lines = []
    for start in range(0, len(rows), 6):
        clock, clock_two, processor, processor_two, loss, weights = rows[start : start + 6]
        name = clock.what.partition(":")[0]
        times = f"{clock.figure:.2f} | {clock_two.figure:.2f} | {processor.figure:.2f} | {processor_two.figure:.2f}"
        lines.append(f"| {name} | {times} | {processor_two.ratio:.2f} | {loss.figure:.1e} | {weights.figure:.1e} |")
    steps = rows[4].what.rpartition(" in ")[2].partition(" ")[0]
    where = {name: machine[name] for name in ("cores", "cpu", "load")}
    PAGE.write_text(_TEXT.format(table=_HEAD + "\n".join(lines), steps=steps, **where), encoding="utf-8")
