"""`tocoad restore`: a data set and what was trained of it, as they were."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, add_wait, filled
from cli.document import print_document
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from services.addresses import Services
    from services.restoring.restore import Restored
    from services.restoring.states import State
    from tocoad.files.workspace import Workspace

_SHOWN_MAX = 10


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "restore",
        _restore,
        "bring back images, settings and detectors of a data set, every hash verified",
        "tocoad restore parts --rev HEAD~1",
    )
    command.add_argument("name", metavar="NAME", type=filled, help="a data set that is recorded here")
    state = command.add_mutually_exclusive_group()
    state.add_argument(
        "--rev", type=filled, metavar="GIT_REV", help="as git has it (default: as data/NAME.dvc and dvc.lock say now)"
    )
    state.add_argument(
        "--version", type=filled, metavar="CATEGORY@N",
        help="this category alone, as it was when the version of its detector was registered",
    )  # fmt: skip
    command.add_argument(
        "--force", action="store_true", help="also where unrecorded data or settings are lost, or others become stale"
    )
    add_wait(command)
    command.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _restore(options: argparse.Namespace) -> int:
    from services.addresses import configure
    from tocoad.stages.bars import stage_bar

    workspace = current_workspace()
    services = configure(workspace, debug=options.debug)
    from services.restoring.restore import restore
    from services.restoring.unrecorded import recorded_somewhere

    with _state(workspace, services, options) as state, stage_bar(f"restoring {options.name}") as progress:
        recorded = recorded_somewhere(workspace, services)
        done = restore(workspace, state, recorded, options.force, progress, options.wait)
    _tell(options.name, done)
    if options.json:
        print_document(done.document())
    return 0


@contextmanager
def _state(workspace: Workspace, services: Services, options: argparse.Namespace) -> Iterator[State]:
    from services.restoring.states import present_state, state_at, state_of_version
    from tocoad.files.temporary import temporary_folder

    with temporary_folder("restore") as scratch:
        if options.rev is not None:
            yield state_at(workspace, options.name, options.rev, scratch)
        elif options.version is not None:
            from services.mlflow.tracking import Tracking

            registry = Tracking(services).registry()
            yield state_of_version(registry, options.name, options.version, scratch)
        else:
            yield present_state(workspace, options.name)


def _tell(name: str, done: Restored) -> None:
    def say(text: str) -> None:
        print(text, file=sys.stderr)

    for line in done.healed[:_SHOWN_MAX]:
        say(f"healed: {line}")
    if len(done.healed) > _SHOWN_MAX:
        say(f"healed: {len(done.healed) - _SHOWN_MAX} more")
    if done.settings:
        shown = ", ".join(done.settings[:_SHOWN_MAX])
        more = f" and {len(done.settings) - _SHOWN_MAX} more" if len(done.settings) > _SHOWN_MAX else ""
        say(f"params.yaml has other values now, those of then: {shown}{more}")
    if done.of_other_code:
        say(f"{len(done.of_other_code)} stages are of other code than this checkout's; a retrain runs them again")
    moved = done.brought.moved
    say(
        f"{name} {done.state}: {done.files} files, {done.bytes / 1e6:.1f} MB, every hash verified; "
        f"{moved.objects} objects, {moved.bytes / 1e6:.1f} MB from the remote; {done.seconds:.1f} s"
    )
