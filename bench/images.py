"""What do many small images cost, beside plain DVC? Added, not changed, merged with 100 more, brought back.

50,000 of them; TOCOAD_IMAGES=5000 makes it fewer. Each part runs in a process of its own, all of them three times on
images made anew: what a disk does with so many files takes once as long and once half. With TOCOAD_IMAGES_FOLDER=FOLDER
they stay there, and what was measured of them is not again.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.machine import machine
from bench.timing import Row

ROUNDS = 3
IMAGES = int(os.environ.get("TOCOAD_IMAGES", "50000"))
# Those that belong to one question follow each other, so that both meet the same load, and take turns at the beginning:
# for minutes after many files were removed a disk takes longer to make new ones.
QUESTIONS = (
    (("check alone",), ()),
    (("add",), ("copy", "dvc add")),
    (("no change",), ("dvc status",)),
    (("merge 100",), ("copy 100", "dvc add again")),
    (("remove", "restore"), ("remove plain", "dvc checkout")),
)
PARTS = tuple(part for question in QUESTIONS for side in question for part in side)
BESIDE = {
    "add": ("copy", "dvc add"),
    "no change": ("dvc status",),
    "merge 100": ("copy 100", "dvc add again"),
    "restore": ("dvc checkout",),
}
"""What a user of plain DVC does instead."""
_GOAL = 1.5
PAGE = Path(__file__).parents[1] / "docs" / "results" / "data.md"

_TEXT = """# Many images

Made by `{command}`.

{images:,} generated images of about a kilobyte in 10 categories, on {cpu} with {cores} cores. Seconds are the
processor's, the children's included, without the start of Python; in brackets those of the clock, with {load} processes
that ran or waited. Peak: the greatest resident set of the process. All are medians of {rounds} rounds, in every second
of which plain DVC begins.

{table}

- *add*: `tocoad data add` of a folder: each image is decoded, hashed and compared, copied, synced to the disk and
  brought under DVC. Looking alone, without a write (`tocoad data check`), takes {check:.1f} s of it, which plain DVC
  does not do. Beside it: a copy of the folder, then `dvc add`.
- *no change*: what a retrain asks of images that are as they were. Beside it: `dvc status NAME.dvc`.
- *merge 100*: `tocoad data add` of 100 new images: what was known of the others is not decoded again, and DVC's cache
  is asked for each file once. Beside it: a copy, then `dvc add` again.
- *restore*: `tocoad restore` of images that are gone, from the cache; every file's hash is compared as it is copied.
  Beside it: `dvc checkout`, which believes the cache.

The goal is a ratio of 1.5 at most; above it: {above}. What ours does and plain DVC does not: it looks into every
image, syncs what it writes, so that a power cut leaves the data set as it was or as it is to be, and writes a merge as
a new folder of links, which takes the place of the old one in one step.
"""


def run() -> list[Row]:
    with ExitStack() as stack:
        kept = os.environ.get("TOCOAD_IMAGES_FOLDER")
        folder = Path(kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="tocoad-images-")))
        rounds = [_measured(folder / str(number), theirs_first=number % 2 == 1) for number in range(ROUNDS)]
    measured = {part: _medians([found[part] for found in rounds]) for part in PARTS}
    _write_page(measured)
    rows = []
    for part in PARTS:
        others = [measured[other] for other in BESIDE.get(part, ())]
        for figure, unit, scale in (("seconds", "s", 1.0), ("wall", "s", 1.0), ("peak", "MiB", 2.0**20)):
            beside = _together(others, figure) if others else None
            value = measured[part][figure]
            what = {"seconds": "of the processor", "wall": "by the clock", "peak": "peak"}[figure]
            ratio = value / beside if beside else None
            rows.append(Row(f"{IMAGES} images: {part}, {what}", value / scale, unit, ratio))
    return rows


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {figure: statistics.median(found[figure] for found in rounds) for figure in rounds[0]}


def _measured(folder: Path, theirs_first: bool) -> dict[str, dict[str, float]]:
    """By part, which is kept in the folder as it comes."""
    notes = folder / "measured.json"
    if not notes.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _call("make", str(folder), str(IMAGES))
        notes.write_text("{}")
    found: dict[str, dict[str, float]] = json.loads(notes.read_text())
    for ours, theirs in QUESTIONS:
        for part in (*theirs, *ours) if theirs_first else (*ours, *theirs):
            if part not in found:
                found[part] = json.loads(_call(part, str(folder)))
                notes.write_text(json.dumps(found))
    return found


def _together(parts: Sequence[Mapping[str, float]], figure: str) -> float:
    figures = [part[figure] for part in parts]
    return max(figures) if figure == "peak" else sum(figures)


def _write_page(measured: Mapping[str, Mapping[str, float]]) -> None:
    where = machine()
    lines = ["| | ToCoAD | plain DVC | ratio | peak MiB | plain DVC | ratio |", f"|---|{'---:|' * 6}"]
    above = []
    for part, others in BESIDE.items():
        ours, theirs = measured[part], [measured[other] for other in others]
        seconds, wall, peak = (_together(theirs, figure) for figure in ("seconds", "wall", "peak"))
        cells = [
            *(part, f"{ours['seconds']:.1f} s ({ours['wall']:.0f})", f"{seconds:.1f} s ({wall:.0f})"),
            *(f"{ours['seconds'] / seconds:.2f}", f"{ours['peak'] / 2**20:.0f}", f"{peak / 2**20:.0f}"),
            f"{ours['peak'] / peak:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        if max(ours["seconds"] / seconds, ours["peak"] / peak) > _GOAL:
            above.append(part)
    text = _TEXT.format(
        command=f"{f'TOCOAD_IMAGES={IMAGES} ' if 'TOCOAD_IMAGES' in os.environ else ''}python -m bench images",
        images=IMAGES,
        rounds=ROUNDS,
        cpu=where["cpu"],
        cores=where["cores"],
        load=where["load"],
        above=", ".join(above) or "none",
        table="\n".join(lines),
        check=measured["check alone"]["seconds"],
    )
    PAGE.write_text(text, encoding="utf-8")


def _call(*arguments: str) -> str:
    """The last line of its output."""
    command = [sys.executable, "-m", "bench.images_parts", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip().rpartition("\n")[2]
