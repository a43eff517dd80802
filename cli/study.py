"""`tocoad study`: variants against a control, over categories and seeds."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, add_wait, path
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from tocoad.files.workspace import Workspace
    from tocoad.study.plan import Cell


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "study",
        _study,
        "compare variants of a method with a control, over categories and seeds",
        "tocoad study studies/tocoad.yaml --out docs/results/tocoad.md",
    )
    command.add_argument("file", metavar="FILE", type=path, help="a study file (YAML)")
    command.add_argument("--table", action="store_true", help="compute nothing: the table of the cells that are there")
    command.add_argument("--out", type=path, metavar="FILE", help="write the table there (default: standard output)")
    add_wait(command)
    command.add_argument(
        "--keep", action="store_true", help="keep rows of the table in --out whose cells are not there, and mark them"
    )


def _study(options: argparse.Namespace) -> int:
    from tocoad.files.replacing import write_whole
    from tocoad.study.plan import cells_of, load_study
    from tocoad.study.results import read_results, results_dir
    from tocoad.study.table import study_table

    workspace = current_workspace()
    study = load_study(options.file)
    earlier = _earlier(options)
    cells = cells_of(study, workspace, images=not options.table)
    folder = results_dir(options.file)

    def make_table() -> str:
        return study_table(study, read_results(folder, cells), cells, options.file, earlier)

    # Made before anything is computed too: a broken result or a table of other columns is told now, not after days.
    table, failed = make_table(), False
    if not options.table:
        failed = _compute(workspace, cells, folder, options)
        table = make_table()
    if options.out is None:
        print(table, end="")
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, table.encode())
        print(options.out)
    return 1 if failed else 0


def _earlier(options: argparse.Namespace) -> str | None:
    """The table whose rows are to be kept."""
    from tocoad.errors import SettingsError

    if not options.keep:
        return None
    if options.out is None:
        raise SettingsError("--keep keeps rows of the table in --out: say which file that is")
    try:
        text: str = options.out.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"--keep: {options.out} is missing: there is nothing to keep") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"--keep: {options.out} is not a text in UTF-8 ({error})") from None
    return text


def _compute(workspace: Workspace, cells: Sequence[Cell], folder: Path, options: argparse.Namespace) -> bool:
    """Runs what is missing; True where a cell failed."""
    from cli.live import live_progress
    from services.addresses import configure

    configure(workspace, debug=options.debug)
    from services.study import Failure, run_cells
    from tocoad.files.lease import lease
    from tocoad.study.stages import owners_of

    count = 0

    def done(outcome: object) -> None:
        nonlocal count
        count += 1
        if isinstance(outcome, Failure):
            print(f"error: {outcome.cell}: {outcome.error}", file=sys.stderr)
            if options.debug:
                traceback.print_exception(outcome.cause)
        else:
            print(f"{count} of {len(cells)} cells", file=sys.stderr)

    owners = owners_of(cells)
    with lease(workspace, owners, f"tocoad study {options.file}", options.wait), live_progress():
        return bool(run_cells(workspace, cells, folder, done))
