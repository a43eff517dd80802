"""`tocoad study`: variants against a control, over categories and seeds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cli.command import Subparsers, add_command
from cli.workspace import current_workspace


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
    command.add_argument("--out", type=Path, metavar="FILE", help="write the table there (default: standard output)")


def _study(options: argparse.Namespace) -> int:
    from cli.live import live_progress
    from tasks.services import configure
    from tocoad.study.plan import cells_of, load_study
    from tocoad.study.results import CellResult, study_dir
    from tocoad.study.table import study_table

    workspace = current_workspace()
    study = load_study(options.file)
    cells = cells_of(study, workspace)
    configure(workspace, debug=options.debug)
    from tasks.study import Failure, run_cells

    results: list[CellResult] = []

    def done(outcome: CellResult | Failure) -> None:
        if isinstance(outcome, Failure):
            print(f"error: {outcome.cell}: {outcome.error}", file=sys.stderr)
        else:
            results.append(outcome)
            print(f"{len(results)} of {len(cells)} cells", file=sys.stderr)

    name = options.file.stem
    with live_progress():
        failures = run_cells(workspace, cells, study_dir(workspace, name), done)
    command = f"tocoad study {options.file}"
    table = study_table(name, study, results, command)
    if options.out is None:
        print(table, end="")
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(table, encoding="utf-8")
        print(options.out)
    return 1 if failures else 0
