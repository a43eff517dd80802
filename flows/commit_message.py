"""What a commit of a night says: the data set, what changed, and the gate's word on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.digest import OUTCOMES, outcome_of, tally, urgent

_TOLD_MAX = 50


def commit_message(result: Mapping[str, Any]) -> str:
    """Of the document of a retrain; of very many categories the most urgent."""
    entries = result["categories"]
    changed = [entry for entry in entries.values() if outcome_of(entry) != OUTCOMES[-1]]
    told = urgent(entries, _TOLD_MAX, outcome_of, OUTCOMES) if changed else {}
    lines = [_line(name, entry) for name, entry in told.items() if outcome_of(entry) != OUTCOMES[-1]]
    if len(changed) > len(lines):
        lines.append(f"and {len(changed) - len(lines)} more")
    subject = f"Retrain {result['dataset']}: {tally(entries, outcome_of, OUTCOMES)}"
    return "\n".join([subject, "", *lines]).rstrip() + "\n"


def _line(name: str, entry: Mapping[str, Any]) -> str:
    """`gear: promoted, version 3 (tocoad)`."""
    model = entry["model"]
    version = "" if model is None else f", version {model['version']}"
    failed = f": {entry['error']}" if entry["error"] else ""
    return f"{name}: {outcome_of(entry)}{version} ({entry['method']}){failed}"
