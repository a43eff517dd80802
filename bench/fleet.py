"""How do planning's time and memory grow with the number of categories?

A rendered workspace of each size, in which all is made (bench.fleet_workspace); seconds of the processor. The largest
takes half an hour; TOCOAD_FLEET_LARGEST=100 leaves out those that are larger. With TOCOAD_FLEET=FOLDER the workspaces
stay there, and what was measured in them is not again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.fleet_page import exponent, write_page
from bench.fleet_sizes import FITTED
from bench.fleet_workspace import make_workspace
from bench.kept import kept
from bench.timing import Row

SIZES = (3, *FITTED)
PARTS = (
    *("record all", "plan", "track", "stale", "sources", "record one category", "adopt one category"),
    *("retrain, nothing to do", "dvc status", "dvc repro, nothing to do"),
)


def run() -> list[Row]:
    with ExitStack() as stack:
        folder = Path(os.environ.get("TOCOAD_FLEET") or stack.enter_context(tempfile.TemporaryDirectory()))
        measured = {size: _measured(folder, size) for size in SIZES}
    write_page(measured, kept("fleet_slots"), kept("fleet_retrain"))
    rows = []
    for part in PARTS:
        for size in SIZES:
            seconds, status = measured[size][part]["seconds"], measured[size]["dvc status"]["seconds"]
            rows.append(Row(f"{size} categories: {part}", seconds, "s", seconds / status))
        rows.append(Row(f"{part}: exponent over {', '.join(map(str, FITTED))}", exponent(measured, part), ""))
    rows += [
        Row(f"{size} categories: greatest resident set, {part}", measured[size][part]["peak"] / 2**20, "MiB")
        for size in SIZES
        for part in PARTS
    ]
    return rows


def _measured(folder: Path, size: int) -> dict[str, dict[str, float]]:
    """By part. What is measured is kept in the folder as it comes."""
    workspace, notes = folder / str(size), folder / f"{size}.json"
    found: dict[str, dict[str, float]] = json.loads(notes.read_text()) if notes.is_file() else {}
    if not notes.is_file():
        shutil.rmtree(workspace, ignore_errors=True)
        workspace.mkdir(parents=True)
        make_workspace(workspace, size)
        notes.write_text("{}")
    for part in PARTS:
        if part not in found:
            command = [sys.executable, "-m", "bench.fleet_parts", part, str(workspace)]
            found[part] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
            notes.write_text(json.dumps(found))
    return found
