"""`tocoad history`: every decision that was made of a data set, from the registry's logs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from cli.command import Subparsers, add_command
from cli.document import print_document
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "history",
        _history,
        "list every decision: who, when, from which version to which, and why",
        "tocoad history sample gear",
    )
    command.add_argument("name", metavar="NAME", help="a data set")
    command.add_argument("category", nargs="?", metavar="CATEGORY", help="one of its categories (default: all)")
    command.add_argument("--all", action="store_true", help="show every decision, where there are many")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _history(options: argparse.Namespace) -> int:
    from services.addresses import configure

    workspace = current_workspace()
    services = configure(workspace, debug=options.debug)
    from services.mlflow.history import known_history
    from services.mlflow.tracking import Tracking

    history = known_history(workspace, Tracking(services).registry, options.name, options.category)
    for warning in history["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if options.json:
        print_document(history)
    else:
        history_table(history, options.all)
    for name, error in history["errors"].items():
        print(f"error: {name}: {error}", file=sys.stderr)
    return 1 if history["errors"] else 0


def history_table(history: Mapping[str, Any], whole: bool = False) -> None:
    """One row a decision that counts, the last one last; of many the last ones, where the `whole` is not wanted."""
    from cli.console import add_row, console_of, print_line, titled
    from cli.figures import SHOWN_MAX, hint

    console = console_of(stderr=False)
    counted = [one for one in history["decisions"] if one["counts"]]
    shown = counted if whole else counted[-SHOWN_MAX:]
    one_alone = history["category"]
    table = titled(f"{history['dataset']}.{one_alone}" if one_alone else history["dataset"])
    columns = ("when (UTC)", "who", *(() if one_alone else ("category",)), "decision", "champion", "why", "package")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("when (UTC)", "champion", "package"))
    for one in shown:
        category = () if one_alone else (one["model"].partition(".")[2],)
        when = one["time"][:16].replace("T", " ")
        who = f"{one['by']} on {one['host']}" if one["host"] else one["by"]
        why = one["reasons"][0] if one["reasons"] else ""
        add_row(table, when, who, *category, _decision(one), _champion(one), why, (one["package"] or "")[:12])
    console.print(table)
    if len(shown) < len(counted):
        print_line(console, f"{len(counted)} decisions{hint(shown, counted)}", "bold")


_WORDS: Mapping[str, str] = {
    "adopt": "v{version} was champion when the log began",
    "judge": "gate: v{version} {verdict}",
    "promote": "v{version} promoted by hand",
    "rollback": "rolled back to v{to}",
    "approve": "v{version} approved",
    "decline": "v{version} declined",
    "expire": "v{version} not answered in time",
}


def _decision(one: Mapping[str, Any]) -> str:
    return _WORDS[one["action"]].format_map(one)


def _champion(one: Mapping[str, Any]) -> str:
    """`v2 -> v3`, or the one that stayed."""
    old, new = ("none" if number is None else f"v{number}" for number in (one["from"], one["to"]))
    return new if old == new else f"{old} -> {new}"
