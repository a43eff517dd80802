"""`tocoad evaluate`: figures of the detectors that lie in the workspace."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from cli.command import Subparsers, add_command, add_wait
from cli.document import print_document
from cli.streams import print_error
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "evaluate",
        _evaluate,
        "score the test images with the present detectors",
        "tocoad evaluate sample --save-maps tiff",
    )
    command.add_argument("name", metavar="NAME", help="a data set of this workspace")
    command.add_argument("--categories", nargs="+", action="extend", metavar="C", help="these alone (default: all)")
    command.add_argument(
        "--save-maps", choices=("tiff",), help="write the raw anomaly maps, maps/test/<type>/<stem>.tiff"
    )
    add_wait(command)
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _evaluate(options: argparse.Namespace) -> int:
    from cli.render import metrics_table
    from tocoad.errors import StageError, error_line, tell
    from tocoad.evaluation.workspace import evaluate_category
    from tocoad.files.lease import lease
    from tocoad.settings.file import load_params
    from tocoad.settings.planning import select_categories
    from tocoad.stages.bars import stage_bar

    workspace = current_workspace()
    params = load_params(workspace)
    categories = select_categories(workspace, options.name, options.categories)
    save_maps = options.save_maps == "tiff"
    what = f"tocoad evaluate {options.name} --save-maps tiff"
    rows, fault = {}, None
    try:
        for category in categories:
            method = params.plan.method(category)
            try:
                with (
                    lease(workspace, [category], what, options.wait) if save_maps else nullcontext(),
                    stage_bar(f"evaluate {category}") as progress,
                ):
                    report = evaluate_category(workspace, category, method, params.settings, progress, save_maps)
            except StageError as error:
                print_error(f"{category}: {error}")
            else:
                rows[category.name] = {"method": method, **report.model_dump(mode="json")}
    except Exception as error:
        fault = error
    finally:
        # One category that fails, or an interruption, takes no figures of the others.
        if options.json:
            told = None if fault is None else error_line(fault)
            print_document({"dataset": options.name, "categories": rows, "error": told})
        elif rows:
            metrics_table(rows)
    if fault is not None:
        return tell(fault, options.debug)
    return 0 if len(rows) == len(categories) else 1
