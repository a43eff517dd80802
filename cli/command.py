"""What every command's parser shares."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

Subparsers = Any
"""argparse's own type for `add_subparsers` is private."""


def add_command(
    commands: Subparsers,
    common: argparse.ArgumentParser,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    example: str,
) -> argparse.ArgumentParser:
    """A command with a one-line summary and one runnable example."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        parents=[common],
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, parser=command)
    return command


def add_wait(command: argparse.ArgumentParser) -> None:
    """What to do where another run works on the same: `options.wait`, in seconds."""
    choice = command.add_mutually_exclusive_group()
    choice.add_argument(
        "--wait", type=_seconds, default=math.inf, metavar="SECONDS",
        help="for at most so long wait for another run that works on the same (default: until it ends)",
    )  # fmt: skip
    choice.add_argument(
        "--no-wait", dest="wait", action="store_const", const=0.0, help="where another run does, say so and end"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def whole(what: str, least: int = 0) -> Callable[[str], int]:
    """An argument's type: a whole number, `least` or more; `what` is its name in the refusal of another."""

    def parsed(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}" + (f", {least} or more" if least else ""))
        return int(text)

    return parsed


def filled(text: str) -> str:
    """An argument's type. An empty one is a variable that was not set; as a path it would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def path(text: str) -> Path:
    """The same of a file or folder."""
    return Path(filled(text))
