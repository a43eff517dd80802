"""`tocoad watch`: new images beside those that the champions were calibrated on."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from cli.command import Subparsers, add_command, path
from cli.document import print_document
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "watch",
        _watch,
        "tell whether new images are still like those that the champions were calibrated on",
        "tocoad watch sample --images /line/today",
    )
    command.add_argument("name", metavar="NAME", help="a data set whose champions are in the registry")
    command.add_argument("--categories", nargs="+", action="extend", metavar="C", help="these alone (default: all)")
    command.add_argument(
        "--images",
        required=True,
        type=path,
        metavar="DIR",
        help="DIR/CATEGORY has the new images of each; of one that is named alone DIR itself may be it",
    )
    command.add_argument("--all", action="store_true", help="show every category, where there are many")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _watch(options: argparse.Namespace) -> int:
    from cli.live import live_progress, starting
    from cli.watch_table import watch_table
    from services.addresses import configure
    from services.prefect.server import prefect_api
    from tocoad.errors import SettingsError

    workspace = current_workspace()
    if not options.images.is_dir():
        raise SettingsError(f"{options.images}: no such folder")
    images = str(options.images.resolve())
    with prefect_api(configure(workspace, debug=options.debug)) as api:
        with starting():
            from flows.watch import WatchFailedError, watch

            api.ready()
        with live_progress(), redirect_stdout(sys.stderr):
            try:
                result = watch(options.name, images, options.categories, str(workspace.root))
            except WatchFailedError as error:
                result = error.result
    if options.json:
        print_document(result)
    else:
        watch_table(result, options.all)
    return 1 if result["error"] or (result["retrain"] or {}).get("error") else 0
