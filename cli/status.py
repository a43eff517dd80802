"""`tocoad status`: per category, what is stale and which model is in force."""

from __future__ import annotations

import argparse
import sys

from cli.command import Subparsers, add_command
from cli.document import print_document
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "status",
        _status,
        "show data version, stale stages and champion of each category",
        "tocoad status sample",
    )
    command.add_argument("name", metavar="NAME", help="a data set of this workspace")
    command.add_argument("--categories", nargs="+", action="extend", metavar="C", help="these alone (default: all)")
    command.add_argument("--all", action="store_true", help="show every category, where there are many")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _status(options: argparse.Namespace) -> int:
    from cli.status_table import status_table
    from services.addresses import configure

    workspace = current_workspace()
    services = configure(workspace, debug=options.debug)
    from services.status import dataset_status
    from tocoad.stages.bars import stage_bar

    with stage_bar(f"status {options.name}") as progress:
        status = dataset_status(workspace, services, options.name, options.categories, progress)
    if options.json:
        print_document(status)
    else:
        status_table(status, options.all)
    errors = {name: entry["error"] for name, entry in status["categories"].items() if entry["error"]}
    for name, error in errors.items():
        print(f"error: {name}: {error}", file=sys.stderr)
    return 1 if errors else 0
