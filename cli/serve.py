"""`tocoad serve`: detectors behind HTTP."""

from __future__ import annotations

import argparse
import math
import sys

from cli.command import Subparsers, add_command, filled, whole
from cli.workspace import workspace_here


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "serve",
        _serve,
        "answer over HTTP what the detectors say of an image; follow each champion as it changes",
        "tocoad serve models:/sample.gear@champion models:/sample.plate@champion --port 8000",
    )
    command.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        type=filled,
        help="a detector folder, or models:/NAME.CATEGORY@champion, which is followed; one of each category",
    )
    command.add_argument(
        "--host", type=filled, default="127.0.0.1", help="the address to listen at (default: %(default)s)"
    )
    command.add_argument("--port", type=_port, default=8000, help="0 takes a free one (default: %(default)s)")
    command.add_argument(
        "--threads",
        type=whole("a number", 1),
        metavar="N",
        help="images at once, each on a core (default: all cores, or OMP_NUM_THREADS)",
    )
    command.add_argument(
        "--waiting", type=whole("a number", 1), default=64, metavar="N",
        help="so many requests may wait beside them; further ones are told to come again (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--timeout", type=_positive, default=30.0, metavar="SECONDS",
        help="from a request's head to its answer (default: %(default)g)",
    )  # fmt: skip
    command.add_argument(
        "--max-mb", type=_positive, default=32.0, metavar="MB", help="of an image file (default: %(default)g)"
    )
    command.add_argument(
        "--look", type=_positive, default=5.0, metavar="SECONDS",
        help="how often to look for a new champion (default: %(default)g)",
    )  # fmt: skip


def _serve(options: argparse.Namespace) -> int:
    from services.mlflow.models import registry_of
    from tocoad.data.threads import cores

    of_registry = next((model for model in options.models if model.startswith("models:/")), None)
    registry = None if of_registry is None else registry_of(of_registry, workspace_here())
    from services.serving.limits import Limits
    from services.serving.listening import is_loopback
    from services.serving.server import Server

    limits = Limits(options.threads or cores(), options.waiting, options.timeout, int(options.max_mb * 2**20))
    server = Server(options.models, registry, limits, options.look, _say, options.host, options.port)
    _say(f"listening at {server.address}")
    if not is_loopback(options.host):
        _say(
            "warning: whoever reaches this address can use it, and reads along: there is no password and no "
            "encryption; put a proxy that has both before it"
        )
    server.run()
    return 0


def _say(text: str) -> None:
    """A line on standard error."""
    from tocoad.text.printable import printable
    from tocoad.text.redaction import redacted

    print(printable(redacted(text)), file=sys.stderr, flush=True)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
