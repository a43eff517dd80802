"""`tocoad approve`: a person's answer for a version that waits."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from cli.command import Subparsers, add_command
from cli.document import print_document
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    approve = add_command(
        commands,
        common,
        "approve",
        _approve,
        "answer for the version that waits: make it champion, or keep the champion",
        'tocoad approve sample gear --reason "catches the new scratches"',
    )
    approve.add_argument("name", metavar="NAME", help="a data set")
    approve.add_argument("category", metavar="CATEGORY", help="one of its categories")
    approve.add_argument("--reject", action="store_true", help="keep the champion")
    approve.add_argument("--reason", required=True, metavar="TEXT", help="why; the log of decisions keeps it")
    approve.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _approve(options: argparse.Namespace) -> int:
    from cli.live import starting
    from services.addresses import configure
    from services.prefect.server import prefect_api

    workspace = current_workspace()
    with prefect_api(configure(workspace, debug=options.debug)) as api:
        with starting():
            from flows.approve import answer

            api.ready()
        with redirect_stdout(sys.stderr):
            root = str(workspace.root)
            result = answer(options.name, options.category, not options.reject, options.reason, root)
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if options.json:
        print_document(result)
    else:
        print(_line(result))
    return 0


def _line(result: Mapping[str, Any]) -> str:
    name, version, champion = result["name"], result["version"], result["from"]
    if result["action"] == "approve":
        before = "there was none" if champion is None else f"before it was version {champion}"
        return f"{name}: version {version} is champion now, {before}"
    kept = "there is no champion" if champion is None else f"version {champion} stays champion"
    return f"{name}: version {version} is declined, and {kept}"
