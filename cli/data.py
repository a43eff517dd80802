"""`tocoad data add` and `tocoad data check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cli.command import Subparsers, add_command, add_wait, filled, path
from cli.workspace import current_workspace

_LAYOUTS = ("auto", "mvtec", "visa", "btad", "folder", "oct2017", "aptos", "isic2018")


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    data = commands.add_parser(
        "data", help="bring images in, or check them", description="Bring images in, or check them."
    )
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = add_command(
        actions,
        common,
        "add",
        _add,
        "validate a folder of images, index it and bring it under DVC",
        "tocoad data add ~/datasets/mvtec_ad --name mvtec",
    )
    add.add_argument("source", type=path, help="folder of images, in one of the known layouts")
    add.add_argument("--name", required=True, help="name of the data set in this workspace")
    add.add_argument(
        "--layout", choices=_LAYOUTS, default="auto", help="how the folder is laid out (default: %(default)s)"
    )
    add_wait(add)
    check = add_command(
        actions,
        common,
        "check",
        _check,
        "validate the images of a data set, and write nothing",
        "tocoad data check mvtec",
    )
    check.add_argument("name", metavar="NAME", type=filled, help="a data set of this workspace, or a folder")
    check.add_argument(
        "--layout", choices=_LAYOUTS, default="auto", help="how a folder is laid out (default: %(default)s)"
    )


def _add(options: argparse.Namespace) -> int:
    from cli.render import show_inventory
    from services.addresses import configure
    from tocoad.stages.bars import stage_bar

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.datasets import add_dataset

    with stage_bar(f"checking {options.source.name}") as progress:
        inventory = add_dataset(workspace, options.source, options.name, options.layout, progress, options.wait)
    show_inventory(inventory)
    print(f"data set {options.name!r} is in data/{options.name}; next: tocoad retrain {options.name}", file=sys.stderr)
    return 0


def _check(options: argparse.Namespace) -> int:
    from cli.render import show_inventory
    from services.datasets import check_dataset
    from tocoad.files.workspace import is_name
    from tocoad.stages.bars import stage_bar

    workspace = current_workspace()
    known = is_name(options.name) and workspace.dataset_dir(options.name).is_dir()
    source = workspace.dataset_dir(options.name) if known else Path(options.name)
    with stage_bar(f"checking {source.name}") as progress:
        inventory = check_dataset(workspace, source, options.layout, progress)
    show_inventory(inventory)
    return 0
