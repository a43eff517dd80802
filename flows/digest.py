"""What of many categories a person should see first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Entry = Mapping[str, Any]
Row = TypeVar("Row")

OUTCOMES = ("failed", "unregistered", "waiting", "rejected", "kept", "promoted", "trained", "up to date")
"""Of a category in a retrain, the most urgent first."""


def outcome_of(entry: Entry) -> str:
    """One of OUTCOMES, of a category of a retrain's document: what the gate said of one that it judged in this run,
    trained or not. What waits for a person does so until there is an answer.
    """
    status, decision = entry["status"], entry["decision"]
    judged = decision is not None and status in ("trained", "up-to-date")
    if judged and (decision["anew"] or decision["verdict"] == "waiting"):
        return str(decision["verdict"])
    return "up to date" if status == "up-to-date" else str(status)


def urgent(
    categories: Mapping[str, Row], most: int, state_of: Callable[[Row], str], states: Sequence[str]
) -> dict[str, Row]:
    """All, where they are not too many. Else the `most` urgent, by the order of `states`; the last state is never
    urgent.
    """
    if len(categories) <= most:
        return dict(categories)
    ranks = {name: states.index(state_of(row)) for name, row in categories.items()}
    found = sorted((name for name, rank in ranks.items() if rank < len(states) - 1), key=ranks.__getitem__)
    return {name: categories[name] for name in found[:most]}


def tally(categories: Mapping[str, Row], state_of: Callable[[Row], str], states: Sequence[str]) -> str:
    """`1000 categories: 3 failed, 2 kept, 15 promoted, 980 up to date`."""
    found = [state_of(row) for row in categories.values()]
    counts = [f"{count} {state}" for state in states if (count := found.count(state))]
    noun = "category" if len(categories) == 1 else "categories"
    return f"{len(categories)} {noun}: {', '.join(counts)}"
