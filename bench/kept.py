"""The rows that are kept in `bench/results.json`, by question, each with the machine they are of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.timing import Row

RESULTS = Path(__file__).with_name("results.json")


def keep(name: str, machine: dict[str, object], rows: Sequence[Row]) -> None:
    """Puts the question's rows into the file; the other questions stay as they are."""
    results = _read()
    results[name] = {"machine": machine, "rows": [asdict(row) for row in rows]}
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n", encoding="utf-8")
    partial.replace(RESULTS)


def kept(name: str) -> list[Row]:
    """The rows of a question; none where it was never asked."""
    return [Row(**row) for row in _read().get(name, {"rows": ()})["rows"]]


def _read() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.is_file() else {}
