"""Runs the questions that are named, or all; all together are also written to `bench/results.json`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

QUESTIONS = ("aupro", "memory", "recontrast", "search")
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        print(f"{unknown[0]}: not a question; there are {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: np.sort has one thread, so have all
    from bench.machine import machine

    results: dict[str, object] = {"machine": machine()}
    for name in names or QUESTIONS:
        question = import_module(f"bench.{name}")
        print(str(question.__doc__).splitlines()[0], flush=True)
        rows = question.run()
        results[name] = [asdict(row) for row in rows]
        for row in rows:
            ratio = "" if row.ratio is None else f"{row.ratio:8.2f} x"
            print(f"  {row.what:<72}{row.figure:>12.4g} {row.unit:<8}{ratio}", flush=True)
    if not names:
        partial = RESULTS.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        partial.replace(RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
