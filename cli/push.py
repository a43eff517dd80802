"""`tocoad push`: data and results into the remote."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from services.dvc.pushing import Pushed


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "push",
        _push,
        "put into the remote what it lacks of a data set and its results",
        "tocoad push sample",
    )
    command.add_argument("name", metavar="NAME", help="a data set of this workspace")


def _push(options: argparse.Namespace) -> int:
    from services.addresses import configure

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.dvc.push import remote_to_push_to, version_to_push
    from services.dvc.pushing import Pusher, PushError
    from services.store.patience import PATIENCE_SECONDS
    from tocoad.stages.bars import stage_bar
    from tocoad.stages.stage import Progress

    version_to_push(workspace, options.name)
    remote = remote_to_push_to(workspace)
    with (
        stage_bar(f"pushing {options.name}") as move,
        Pusher(workspace, options.name, PATIENCE_SECONDS, lambda done, total: move(Progress(done, total))) as pusher,
    ):
        pusher.ask("all")
        pushed = pusher.result()
    print(pushed_text(pushed, remote.url))
    if pushed.error is not None:
        raise PushError(pushed.error)
    return 0


def pushed_text(pushed: Pushed, url: str) -> str:
    """`12 objects, 3.4 MB to s3://inspection/line-3, 1.2 s`."""
    from rich.filesize import decimal

    if not pushed.objects and not pushed.error:
        return f"{url} has it all"
    return f"{pushed.objects} objects, {decimal(pushed.bytes)} to {url}, {pushed.seconds:.1f} s"
