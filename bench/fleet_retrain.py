"""What does a retrain cost that finds nothing to do, as a whole command, with 3, 100 and 1,000 categories?

The categories are really trained and registered before, small (bench.fleet_trained): of 1,000 that takes about an hour.
With TOCOAD_FLEET=FOLDER they stay there, and what was made or measured is not again; TOCOAD_FLEET_LARGEST=100 leaves
out those that are larger.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from bench.fleet_retrain_parts import IMPORTS, SERVER, WRAPPED
from bench.fleet_sizes import FITTED
from bench.fleet_trained import environment, make_trained, retrain
from bench.timing import Row
from tocoad.files.workspace import Workspace

SIZES = (3, *(size for size in FITTED if size >= 100))
WHOLE, REST, CLOCK = "the whole command", "all else", "the whole command, by the clock"
PARTS = (IMPORTS, *WRAPPED, SERVER, REST, WHOLE, CLOCK)
_RUNS = 3


def run() -> list[Row]:
    with ExitStack() as stack:
        folder = Path(os.environ.get("TOCOAD_FLEET") or stack.enter_context(tempfile.TemporaryDirectory()))
        measured = {size: _measured(folder, size) for size in SIZES}
    rows = [
        Row(f"{size} categories: {part}", seconds[part], "s", seconds[part] / measured[SIZES[0]][part] or None)
        for size, seconds in measured.items()
        for part in PARTS
    ]
    for smaller, larger in pairwise(SIZES):
        more = measured[larger][WHOLE] - measured[smaller][WHOLE]
        rows.append(Row(f"{smaller} to {larger}: each category more", 1000 * more / (larger - smaller), "ms"))
    return rows


def _measured(folder: Path, size: int) -> dict[str, float]:
    notes = folder / f"trained-{size}.json"
    if not notes.is_file():
        workspace = make_trained(folder / f"trained-{size}", size)
        notes.write_text(json.dumps(_measure(workspace)))
    found: dict[str, float] = json.loads(notes.read_text())
    return found


def _measure(workspace: Workspace) -> dict[str, float]:
    """Medians of some runs."""
    command = [sys.executable, "-m", "bench.fleet_retrain_parts"]
    runs = []
    for _ in range(_RUNS):
        began, before = time.perf_counter(), _children()
        document = json.loads(retrain(workspace))
        whole = {CLOCK: time.perf_counter() - began, WHOLE: _children() - before}
        assert {entry["status"] for entry in document["categories"].values()} == {"up-to-date"}
        before = _children()
        done = subprocess.run(
            command, cwd=workspace.root, env=environment(), check=True, capture_output=True, text=True
        )
        parts = json.loads(done.stdout)
        runs.append({**whole, **parts, REST: _children() - before - sum(parts.values())})
    return {part: statistics.median(seconds[part] for seconds in runs) for part in PARTS}


def _children() -> float:
    """Processor seconds of all that have ended, their own children included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
