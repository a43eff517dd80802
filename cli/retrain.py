"""`tocoad retrain`: the whole flow."""

from __future__ import annotations

import argparse
import sys
import traceback
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, add_wait
from cli.document import print_document
from cli.workspace import current_workspace
from tocoad.methods.table import TABLE

if TYPE_CHECKING:
    from services.addresses import Services
    from tocoad.files.workspace import Owner, Workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "retrain",
        _retrain,
        "train what is stale, evaluate, register, and promote what is better",
        "tocoad retrain sample --categories gear --set stage1.iterations=200",
    )
    command.add_argument("name", metavar="NAME", help="a data set of this workspace")
    command.add_argument("--categories", nargs="+", action="extend", metavar="C", help="these alone (default: all)")
    command.add_argument("--method", choices=tuple(TABLE), help="train the categories with this method")
    command.add_argument("--profile", metavar="P", help="budget, one of the profiles of params.yaml; it is kept there")
    command.add_argument(
        "--set", nargs="+", action="extend", default=[], dest="assignments", metavar="KEY=VALUE",
        help="change a value of params.yaml; it is kept there",
    )  # fmt: skip
    command.add_argument("--force", action="store_true", help="run every stage, stale or not")
    command.add_argument("--no-push", dest="push", action="store_false", help="put nothing into the remote")
    add_wait(command)
    command.add_argument("--all", action="store_true", help="show every category, where there are many")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _retrain(options: argparse.Namespace) -> int:
    from services.addresses import configure
    from tocoad.files.lease import lease_of
    from tocoad.settings.file import load_params, parse_assignments
    from tocoad.settings.planning import plan_categories
    from tocoad.stages.owners import owners_of

    workspace = current_workspace()
    services = configure(workspace, debug=options.debug)
    assignments = parse_assignments(options.assignments)
    plan = partial(
        plan_categories, workspace, options.name, options.categories, options.method, assignments, options.profile
    )

    def owners() -> set[Owner]:
        """The last that can refuse the command, before it waits: what it writes then is wanted, by no run before it."""
        return owners_of(plan(write=False), load_params(workspace).plan, options.method)

    with lease_of(workspace, owners, f"tocoad retrain {options.name}", options.wait):
        plan()
        return _run(workspace, services, options)


def _run(workspace: Workspace, services: Services, options: argparse.Namespace) -> int:
    from cli.live import live_progress, starting
    from cli.result_table import result_table, show_places, show_push
    from services.prefect.server import prefect_api
    from tocoad.errors import exit_code

    with prefect_api(services) as api:
        with starting():
            from flows.retrain import run_retrain

            api.ready()
        # Ray prints a line to standard output when a worker dies; that is for the document alone.
        with live_progress(), redirect_stdout(sys.stderr):
            result, fault = run_retrain(
                workspace, options.name, options.categories, options.force, options.push, options.wait
            )
    if fault is not None and options.debug:
        traceback.print_exception(fault)
    result_table(result, whole=options.all)
    show_places(workspace, services.tracking_uri, services.prefect_api_url, options.name)
    show_push(result["push"])
    if options.json:
        print_document(result)
    if fault is not None:
        return exit_code(fault)
    return 1 if result["error"] else 0
