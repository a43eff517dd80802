"""`tocoad data add` and `tocoad data check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, add_wait, filled, path
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from services.datasets import ChangedDataset
    from services.merging import Announce, Take
    from tocoad.data.merging import Comparison, Comparisons
    from tocoad.files.workspace import Workspace

_LAYOUTS = ("auto", "mvtec", "visa", "btad", "folder", "oct2017", "aptos", "isic2018")


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    data = commands.add_parser(
        "data",
        help="bring images in, or check them",
        description="Bring images in, or check them.",
        epilog="example:\n  tocoad data check ~/parts\n  tocoad data add ~/parts --name parts",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_parser(actions, common)
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


def _add_parser(actions: Subparsers, common: argparse.ArgumentParser) -> None:
    add = add_command(
        actions,
        common,
        "add",
        _add,
        "validate a folder of images and bring it under DVC; what a data set has already stays",
        "tocoad data add ~/datasets/mvtec_ad --name mvtec\n  tocoad data add ~/monday --name mvtec --dry-run\n"
        "  tocoad data add --name mvtec --remove bottle/train/good/007.png 'bottle/test/crack/*'\n"
        "  tocoad data add --name mvtec --groups serial-numbers.csv",
    )
    add.add_argument("source", nargs="?", type=path, help="folder of images, in one of the known layouts")
    add.add_argument("--name", required=True, help="name of the data set in this workspace")
    add.add_argument(
        "--layout", choices=_LAYOUTS, default="auto", help="how the folder is laid out (default: %(default)s)"
    )
    conflicts = add.add_mutually_exclusive_group()
    conflicts.add_argument(
        "--replace", action="store_true", help="take the source's files where the data set has others of the same path"
    )
    conflicts.add_argument(
        "--replace-all", action="store_true", help="put the source in place of all that the data set has"
    )
    conflicts.add_argument(
        "--remove", nargs="+", action="extend", metavar="FILE",
        help="without SOURCE: take out these images with their masks (CATEGORY/train/good/NAME; * within a name)",
    )  # fmt: skip
    add.add_argument(
        "--groups", type=path, metavar="FILE",
        help="without SOURCE: images that belong together, which train, calibration and test never part (path,group)",
    )  # fmt: skip
    add.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add.add_argument("--all", action="store_true", help="list every file, where there are many")
    add.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")
    add_wait(add)


def _add(options: argparse.Namespace) -> int:
    from cli.data_changes import last_line, print_changes, show_comparisons
    from cli.render import show_inventory
    from services.addresses import configure
    from tocoad.errors import SettingsError, TocoadError, tell

    if sum(given is not None for given in (options.source, options.remove, options.groups)) != 1:
        raise SettingsError("tocoad data add: give one of a SOURCE folder, files to --remove and a table of --groups")
    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.merging import way_back

    told: dict[str, Comparison] = {}

    def announce(comparisons: Comparisons) -> None:
        told.clear()
        told.update(comparisons)
        show_comparisons(comparisons, options.all)

    try:
        done = _change(workspace, options, announce)
    except TocoadError as error:
        if options.json:
            print_changes(options.name, options.dry_run, told, None, error=str(error))
            return tell(error, options.debug)
        raise
    back = way_back(workspace, options.name, done)
    show_inventory(done.inventory)
    if options.json:
        print_changes(options.name, options.dry_run, told, done, back)
    print(last_line(options.name, options.dry_run, done, back), file=sys.stderr)
    return 0


def _change(workspace: Workspace, options: argparse.Namespace, announce: Announce) -> ChangedDataset:
    from services.merging import bring_in, remove_images, set_groups
    from tocoad.stages.bars import stage_bar

    name, write, wait = options.name, not options.dry_run, options.wait
    take: Take = "all" if options.replace_all else "conflicts" if options.replace else "new"
    with stage_bar(f"checking {name}") as progress:
        if options.remove is not None:
            return remove_images(workspace, name, options.remove, announce, progress, wait, write)
        if options.groups is not None:
            return set_groups(workspace, name, options.groups, take, announce, progress, wait, write)
        return bring_in(workspace, options.source, name, options.layout, take, announce, progress, wait, write)


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
