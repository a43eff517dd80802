"""Runs the questions that are named, or all, and puts their rows into `bench/results.json`, each with its machine."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

QUESTIONS = (
    "aupro",
    "cluster",
    "cuda",
    "export",
    "fleet_slots",
    "fleet_retrain",
    "fleet",
    "gate",
    "images",
    "memory",
    "parallel",
    "recontrast",
    "score",
    "search",
    "serve",
    "store",
    "watch",
)

NEED_MORE = ("cuda", "score", "watch")
"""Ask for what not every machine has, and give no rows where it is missing."""


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        print(f"{unknown[0]}: not a question; there are {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: np.sort has one thread, so have all
    # A question that configures services keeps the current folder from what `python -m` starts after it.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    from bench.kept import keep
    from bench.machine import machine

    for name in names or QUESTIONS:
        question = import_module(f"bench.{name}")
        print(str(question.__doc__).splitlines()[0], flush=True)
        where, rows = machine(), question.run()
        for row in rows:
            ratio = "" if row.ratio is None else f"{row.ratio:8.2f} x"
            print(f"  {row.what:<72}{row.figure:>12.4g} {row.unit:<8}{ratio}", flush=True)
        if rows:
            keep(name, where, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
