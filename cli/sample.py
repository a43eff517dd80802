"""`tocoad sample`: the built-in data set."""

from __future__ import annotations

import argparse
import sys

from cli.command import Subparsers, add_command
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    sample = add_command(
        commands,
        common,
        "sample",
        _sample,
        "render the built-in sample data set",
        "tocoad sample && tocoad retrain sample",
    )
    sample.add_argument("--name", default="sample", help="name of the data set (default: %(default)s)")
    sample.add_argument("--seed", type=int, default=0, help="another seed renders other parts (default: %(default)s)")


def _sample(options: argparse.Namespace) -> int:
    from cli.render import show_inventory
    from services.addresses import configure
    from tocoad.stages.bars import stage_bar

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.datasets import add_sample

    with stage_bar("rendering") as progress:
        inventory = add_sample(workspace, options.name, options.seed, progress)
    show_inventory(inventory)
    print(f"data set {options.name!r} is in data/{options.name}; next: tocoad retrain {options.name}", file=sys.stderr)
    return 0
