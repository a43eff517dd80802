"""`tocoad promote` and `tocoad rollback`: a person moves the champion alias."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import Any

from cli.command import Subparsers, add_command
from cli.document import print_document
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    promote = add_command(
        commands,
        common,
        "promote",
        _promote,
        "make a version champion by hand, whatever the gate said of it",
        'tocoad promote sample gear --version 2 --reason "catches the cracks of line 3"',
    )
    rollback = add_command(
        commands,
        common,
        "rollback",
        _rollback,
        "take the champion down and put the version before it back",
        'tocoad rollback sample gear --reason "rejects good parts of the new supplier"',
    )
    for command in (promote, rollback):
        command.add_argument("name", metavar="NAME", help="a data set")
        command.add_argument("category", metavar="CATEGORY", help="one of its categories")
        command.add_argument("--json", action="store_true", help="one JSON document on standard output")
    promote.add_argument("--version", type=int, metavar="V", help="the version (default: the newest)")
    promote.add_argument("--reason", metavar="TEXT", help="why; the log of decisions keeps it")
    rollback.add_argument("--reason", required=True, metavar="TEXT", help="why; the log of decisions keeps it")


def _promote(options: argparse.Namespace) -> int:
    with _flows(options) as (flows, root):
        result = flows.promote(options.name, options.category, options.version, root, options.reason)
    return _show(result, options.json)


def _rollback(options: argparse.Namespace) -> int:
    with _flows(options) as (flows, root):
        result = flows.rollback(options.name, options.category, options.reason, root)
    return _show(result, options.json)


@contextmanager
def _flows(options: argparse.Namespace) -> Iterator[tuple[ModuleType, str]]:
    """The module of the flows, ready to run, and the workspace's folder."""
    from cli.live import starting
    from services.addresses import configure
    from services.prefect.server import prefect_api

    workspace = current_workspace()
    with prefect_api(configure(workspace, debug=options.debug)) as api:
        with starting():
            from flows import promotion

            api.ready()
        with redirect_stdout(sys.stderr):
            yield promotion, str(workspace.root)


def _show(result: dict[str, Any], as_json: bool) -> int:
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_document(result)
        return 0
    name, old, new = result["name"], result["from"], result["to"]
    if old == new:
        kept = "" if result["reason"] is None else "; the log of decisions keeps why it stays"
        print(f"{name}: version {new} is champion already{kept}")
        return 0
    before = "there was none" if old is None else f"before it was version {old}"
    verdict = result["gate"]["verdict"] if result["gate"] else "none"
    print(f"{name}: version {new} is champion now, {before}; the gate's verdict on version {new}: {verdict}")
    return 0
