"""`tocoad push`: data and results into the remote."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from cli.command import Subparsers, add_command
from cli.document import print_document
from cli.workspace import current_workspace


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
    command.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _push(options: argparse.Namespace) -> int:
    from cli.result_table import pushed_text
    from services.addresses import configure

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.dvc.push import refuse_unknown, remote_to_push_to
    from services.dvc.pushing import Pushed, Pusher, PushError
    from services.store.patience import PATIENCE_SECONDS
    from tocoad.errors import tell
    from tocoad.stages.bars import stage_bar
    from tocoad.stages.stage import Progress

    refuse_unknown(workspace, options.name)
    remote = remote_to_push_to(workspace)
    with stage_bar(f"pushing {options.name}") as move:

        def told(_: object, pushed: Pushed, total: int | None) -> None:
            if total is not None:
                move(Progress(pushed.objects, total))

        with Pusher(workspace, options.name, PATIENCE_SECONDS, told) as pusher:
            pusher.ask("all")
            pushed = pusher.result()
    document = {"remote": remote.url, **asdict(pushed)}
    if options.json:
        print_document(document)
    else:
        print(pushed_text(document))
    return 0 if pushed.error is None else tell(PushError(pushed.error), options.debug)
