"""`tocoad report`: the HTML pages that a person decides by."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from services.mlflow.registry import Registry


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "report",
        _report,
        "write the HTML report: a page for each category and a summary, which open from disk",
        "tocoad report sample",
    )
    command.add_argument("name", metavar="NAME", help="a data set of this workspace")
    command.add_argument(
        "--categories", nargs="+", action="extend", metavar="C", help="pages of these alone (default: all evaluated)"
    )


def _report(options: argparse.Namespace) -> int:
    from services.addresses import configure
    from services.reports import dataset_report
    from tocoad.stages.bars import stage_bar

    workspace = current_workspace()
    services = configure(workspace, debug=options.debug)

    def registry() -> Registry:
        from services.mlflow.tracking import Tracking

        return Tracking(services).registry()

    with stage_bar(f"report {options.name}") as progress:
        report = dataset_report(workspace, options.name, options.categories, progress, registry)
    if report.warning is not None:
        print(f"warning: {report.warning}", file=sys.stderr)
    print(report.index)
    return 0
