"""`tocoad doctor`: what is well on this machine and in this workspace, what is not, and what to do."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command
from cli.workspace import workspace_here

if TYPE_CHECKING:
    from services.doctor.finding import Finding

_STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "doctor",
        _doctor,
        "look at versions, device, disk, leases, documents and services; say what to do",
        "tocoad doctor --json > doctor.json",
    )
    command.add_argument(
        "--json", action="store_true",
        help="one JSON document on standard output, for a report of a defect: without passwords, and without paths of "
        "your home",
    )  # fmt: skip


def _doctor(options: argparse.Namespace) -> int:
    from contextlib import redirect_stdout

    from services.doctor.examination import examine
    from services.doctor.finding import worst
    from tocoad.stages.bars import stage_bar

    workspace = workspace_here()
    # What a library prints at its import is no result.
    with redirect_stdout(sys.stderr), stage_bar("looking") as progress:
        findings = examine(workspace, options.debug, progress)
    if options.json:
        json.dump(_document(findings), sys.stdout, indent=1)
        print()
    else:
        _show(findings)
    return 1 if worst(findings) == "bad" else 0


def _document(findings: Sequence[Finding]) -> dict[str, object]:
    from services.doctor.finding import worst
    from services.doctor.software import software

    return {**software(), "state": worst(findings), "findings": [finding.document() for finding in findings]}


def _show(findings: Sequence[Finding]) -> None:
    """On standard output, a line each, and below it what to do."""
    from rich.table import Table
    from rich.text import Text

    from cli.console import add_row, console_of, print_line

    console = console_of(stderr=False)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for finding in findings:
        add_row(table, Text(finding.state, _STYLES[finding.state]), finding.check, finding.text)
        if finding.do:
            add_row(table, "", "", Text(f"-> {finding.do}", "dim"))
    console.print(table)
    bad, warn = (sum(finding.state == state for finding in findings) for state in ("bad", "warn"))
    print_line(console, f"{bad} bad, {warn} to look at" if bad or warn else "all is well")
