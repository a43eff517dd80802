"""`tocoad gc`: old versions go."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, add_wait, whole
from cli.document import print_document
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from services.gc.plan import Plan, Share

_DAY_HOURS = 24.0
_SHOWN = 20


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "gc",
        _gc,
        "list, then remove what only old versions need, here and in the store",
        "tocoad gc sample --keep 3 --dry-run",
    )
    command.add_argument("name", metavar="NAME", help="a data set")
    command.add_argument(
        "--keep", type=whole("a number of versions"), required=True, metavar="N",
        help="the last N versions of each category stay; so do the champion, the one before it, a challenger without a "
        "verdict, what lies in the workspace, tips of git's branches and tags, and all other data sets",
    )  # fmt: skip
    command.add_argument("--yes", action="store_true", help="do not ask (without a terminal nothing else removes)")
    command.add_argument("--dry-run", action="store_true", help="list, and remove nothing")
    command.add_argument(
        "--min-age", type=_hours, default=_DAY_HOURS, metavar="HOURS",
        help="what has come to the store since stays: a push may be under way (default: %(default)g)",
    )  # fmt: skip
    command.add_argument(
        "--ignore-lost", action="store_true",
        help="go on though it is not known what a version needs that is kept, since its record or its list of files is "
        "gone; what it alone needs is not kept then",
    )  # fmt: skip
    command.add_argument("--all", action="store_true", help="show every category, where there are many")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output")
    add_wait(command)


def _gc(options: argparse.Namespace) -> int:
    from services.addresses import configure

    workspace = current_workspace()
    services = configure(workspace, debug=options.debug)
    from services.gc.plan import Choice, make_plan
    from services.gc.removal import tidy
    from services.mlflow.tracking import Tracking
    from tocoad.errors import SettingsError
    from tocoad.stages.bars import stage_bar

    if not (options.yes or options.dry_run or sys.stdin.isatty()):
        raise SettingsError("nobody is there to be asked: --yes removes, --dry-run lists")
    registry = Tracking(services).registry()
    choice = Choice(options.keep, options.min_age * 3600, options.ignore_lost)
    agreed = None

    def show(plan: Plan) -> None:
        _show(plan, options.all)

    if options.dry_run or not options.yes:
        with stage_bar(f"looking through {options.name}") as progress:
            agreed = make_plan(workspace, registry, options.name, choice, progress)
        show(agreed)
        if options.dry_run or agreed.is_empty or not _is_agreed():
            return _end(agreed, options.json, removed=False)
    with stage_bar(f"tidying {options.name}") as progress:
        tell = show if agreed is None else None
        plan = tidy(workspace, registry, options.name, choice, agreed, tell, progress, options.wait)
    return _end(plan, options.json, removed=not plan.is_empty)


def _is_agreed() -> bool:
    print("remove them? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(plan: Plan, everything: bool) -> None:
    """What loses something comes first."""
    categories = sorted(plan.categories().items(), key=lambda entry: (not entry[1].going, entry[0]))
    shown = categories if everything else categories[:_SHOWN]
    width = max((len(name) for name, _ in shown), default=0)
    for name, one in shown:
        stay = ", ".join(f"{version} ({', '.join(reasons)})" for version, reasons in one.kept.items()) or "none"
        more = [f"{word}: {', '.join(map(str, numbers))}" for word, numbers in (
            ("go", one.going), ("old, but all of theirs is needed by others", one.shared), ("gone before", one.gone)
        ) if numbers]  # fmt: skip
        print(f"{name:<{width}}  stay: {stay}" + "".join(f"; {text}" for text in more), file=sys.stderr)
    if len(shown) < len(categories):
        print(f"and {len(categories) - len(shown)} categories more: --all", file=sys.stderr)
    for what, share in (("cache", plan.cache), ("store", plan.store)):
        if share is not None:
            print(f"{what} {share.place}: {_amount(share)}", file=sys.stderr)
    if plan.notes:
        print(f"with notes of work that nobody came back to for two weeks: {len(plan.notes):,}", file=sys.stderr)


def _amount(share: Share) -> str:
    young = f"; {share.young} more are too young (--min-age)" if share.young else ""
    return f"{len(share.sizes):,} objects, {share.bytes / 1e6:,.1f} MB go{young}"


def _end(plan: Plan, as_json: bool, removed: bool) -> int:
    if as_json:
        print_document(plan.document() | {"removed": removed})
    else:
        print("removed" if removed else "nothing was removed")
    return 0


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not (0 <= hours < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours")
    return hours
