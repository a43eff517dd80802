"""docs/results/watch.md, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.timing import Row

PAGE = Path(__file__).parents[1] / "docs" / "results" / "watch.md"

_TEXT = """# The watch

Made by `TOCOAD_WATCH_IMAGES=FOLDER python -m bench watch`, on `bottle` and `transistor` of MVTec AD at 256 px. Of 229
good bottles {line} were put aside as the line's, PatchCore was fitted to the others with the profile `default`, and its
package's reference (about 31 calibration images) met windows of {window} images at `watch.false_alarm_rate` {rate}.
All of it {rounds} times with other bottles put aside.

## How many images until the alarm

{window} unchanged bottles, then changed ones, and a look after each; {streams} streams of each of the {rounds}. At
most {changed} changed images were there.

{delays}

The rank test reads a window, not an image: it wants 12 of {window} to have changed before it speaks, however great the
change is. That is what lets a few defective parts pass.

## How often for nothing

{alarms}

The rate is a promise over references *and* windows: of windows that each met a reference of its own, and the first
rows are such ({simulated} windows a row, of statistics with heavy tails that hang together). One champion's reference
is one draw of calibration images: where it came out odd, its windows raise more alarms than the rate, and else fewer,
as the parts show (100 windows a row, from the same {line} bottles: they are no independent draws). With many
calibration images that evens out.
"""


def write_page(rows: Sequence[Row]) -> None:
    """`rows` are those of `bench.watch`."""
    from bench.watch import CHANGED, LINE, NEVER, RATE, ROUNDS, SIMULATED, STREAMS, WINDOW

    alarms = ["| windows | with an alarm |", "|---|---:|"]
    delays = ["| change | median | in 9 of 10 | none within |", "|---|---:|---:|---:|"]
    found: dict[str, list[str]] = {}
    for row in rows:
        what, _, of = row.what.partition(": ")
        if of == "windows with an alarm":
            alarms.append(f"| {what} | {row.figure:.1%} |")
        elif row.unit == "images":
            found.setdefault(what, []).append("none" if row.figure == NEVER else f"{row.figure:g}")
        else:
            found.setdefault(what, []).append(f"{row.figure:.0%}")
    delays += [f"| {what} | {' | '.join(cells)} |" for what, cells in found.items()]
    text = _TEXT.format(
        line=LINE, window=WINDOW, rate=RATE, rounds=ROUNDS, streams=STREAMS, changed=CHANGED,
        simulated=SIMULATED,
        delays="\n".join(delays), alarms="\n".join(alarms),
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")
