"""Runs the questions that are named, or all, and puts their rows into `bench/results.json`, each with its machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.timing import Row

QUESTIONS = ("aupro", "fleet", "fleet_slots", "memory", "recontrast", "search")
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        print(f"{unknown[0]}: not a question; there are {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: np.sort has one thread, so have all
    from bench.machine import machine

    for name in names or QUESTIONS:
        question = import_module(f"bench.{name}")
        print(str(question.__doc__).splitlines()[0], flush=True)
        where, rows = machine(), question.run()
        for row in rows:
            ratio = "" if row.ratio is None else f"{row.ratio:8.2f} x"
            print(f"  {row.what:<72}{row.figure:>12.4g} {row.unit:<8}{ratio}", flush=True)
        keep(name, where, rows)
    return 0


def keep(name: str, where: dict[str, object], rows: Sequence[Row]) -> None:
    """Puts the question's rows into the file; the other questions stay as they are."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    results[name] = {"machine": where, "rows": [asdict(row) for row in rows]}
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n", encoding="utf-8")
    partial.replace(RESULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
