"""What a watch found, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cli.console import add_row, console_of, print_line, titled
from cli.figures import SHOWN_MAX, hint
from flows.digest import tally, urgent
from tocoad.watch.watched import OUTCOMES

_COLOURS = {"failed": "red", "alarm": "red", "alarm told": "yellow"}


def watch_table(result: Mapping[str, Any], whole: bool = False) -> None:
    """One row a category, on standard output. Of many, those that a person should look at; all where the `whole` is
    wanted.
    """
    console = console_of(stderr=False)
    categories: Mapping[str, Any] = result["categories"]
    shown = categories if whole else urgent(categories, SHOWN_MAX, _urgency, OUTCOMES)
    table = titled(f"{result['dataset']}: {result['seconds']:.0f} s")
    for column in ("category", "champion", "images", "rejected", "outcome"):
        table.add_column(column, no_wrap=True)
    table.add_column("what was seen", overflow="fold")
    for name, row in shown.items():
        version = f"v{row['version']}" if row["version"] else "-"
        rejected = "-" if row["rejected"] is None else str(row["rejected"])
        outcome = Text(row["outcome"], _COLOURS.get(row["outcome"], ""))
        add_row(table, name, version, str(row["images"]), rejected, outcome, row["sentence"])
    console.print(table)
    if len(categories) > SHOWN_MAX:
        print_line(console, tally(categories, _outcome, OUTCOMES) + hint(shown, categories), "bold")
    for name, row in shown.items():
        if row["farthest"] and row["outcome"] == "alarm":
            print_line(console, f"{name}: look at {', '.join(row['farthest'])}")
        if row["unreadable"]:
            print_line(console, f"{name}: {len(row['unreadable'])} cannot be read: {row['unreadable'][0]}", "yellow")
    for warning in result["warnings"]:
        print_line(console, f"warning: {warning}", "yellow")
    if (retrained := result["retrain"]) is not None:
        print_line(console, f"retrain: {retrained['error'] or 'done'}")


def _urgency(row: Mapping[str, Any]) -> str:
    """Where nothing is new there is nothing to look at either."""
    return OUTCOMES[-1] if row["outcome"] == "nothing new" else _outcome(row)


def _outcome(row: Mapping[str, Any]) -> str:
    return str(row["outcome"])
