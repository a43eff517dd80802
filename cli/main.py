"""`tocoad`: the commands, and how an error reaches the user."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cli import (
    approve,
    completion,
    data,
    doctor,
    evaluate,
    export,
    feedback,
    gc,
    history,
    init,
    predict,
    promotion,
    push,
    remote,
    report,
    restore,
    retrain,
    sample,
    score,
    serve,
    status,
    study,
    watch,
)
from cli.document import print_failure
from cli.streams import take_every_character
from cli.version import Version
from services.interrupts import Terminated, interruptible
from tocoad.errors import exit_code, tell

_COMMANDS = (
    init,
    data,
    feedback,
    sample,
    retrain,
    status,
    history,
    evaluate,
    report,
    predict,
    export,
    score,
    serve,
    promotion,
    approve,
    push,
    remote,
    restore,
    gc,
    study,
    watch,
    doctor,
    completion,
)


def parser() -> argparse.ArgumentParser:
    """The whole command line; nothing heavy is imported to build it."""
    top = argparse.ArgumentParser(
        prog="tocoad",
        description="Keep visual-inspection models fresh: retrain, judge honestly, promote only what is better.",
        epilog="example:\n  tocoad data add ~/parts --name parts\n  tocoad retrain parts --profile default",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=Version)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error and the services' logs")
    for command in _COMMANDS:
        command.add_parser(commands, common)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: all fine; 1: something failed; 2: wrong usage or settings; 130: Ctrl-C; 143: SIGTERM."""
    take_every_character()
    try:
        with interruptible():
            return _run(_parsed(arguments))
    except KeyboardInterrupt as interrupt:
        how = "terminated" if isinstance(interrupt, Terminated) else "interrupted"
        print(f"{how}: what was finished is kept; the same command goes on from there", file=sys.stderr)
        return exit_code(interrupt)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """argparse alone would answer an unknown option with the usage of `tocoad`, which names none of the command's."""
    options, unknown = parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
        return code
    except Exception as error:
        if getattr(options, "json", False):
            print_failure(error)
        return tell(error, options.debug)
