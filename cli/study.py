"""`tocoad study`: variants against a control, over categories and seeds."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from tocoad.study.plan import Cell
    from tocoad.workspace import Workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "study",
        _study,
        "compare variants of a method with a control, over categories and seeds",
        "tocoad study studies/tocoad.yaml --out docs/results/tocoad.md",
    )
    command.add_argument("file", metavar="FILE", type=Path, help="a study file (YAML)")
    command.add_argument("--table", action="store_true", help="compute nothing: the table of the cells that are there")
    command.add_argument("--out", type=Path, metavar="FILE", help="write the table there (default: standard output)")


def _study(options: argparse.Namespace) -> int:
    from tocoad.study.plan import cells_of, load_study
    from tocoad.study.results import read_results, study_dir
    from tocoad.study.table import study_table

    workspace = current_workspace()
    study = load_study(options.file)
    cells = cells_of(study, workspace)
    folder = study_dir(workspace, options.file.stem)
    failed = False if options.table else _compute(workspace, cells, folder, options.debug)
    results = read_results(folder, cells)
    table = study_table(options.file.stem, study, results, len(cells), f"tocoad study {options.file}")
    if options.out is None:
        print(table, end="")
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(table, encoding="utf-8")
        print(options.out)
    return 1 if failed else 0


def _compute(workspace: Workspace, cells: Sequence[Cell], folder: Path, debug: bool) -> bool:
    """Runs what is missing; True where a cell failed."""
    from cli.live import live_progress
    from tasks.services import configure

    configure(workspace, debug=debug)
    from tasks.study import Failure, run_cells

    count = 0

    def done(outcome: object) -> None:
        nonlocal count
        count += 1
        if isinstance(outcome, Failure):
            print(f"error: {outcome.cell}: {outcome.error}", file=sys.stderr)
            if debug:
                traceback.print_exception(outcome.cause)
        else:
            print(f"{count} of {len(cells)} cells", file=sys.stderr)

    with live_progress():
        return bool(run_cells(workspace, cells, folder, done))
