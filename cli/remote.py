"""`tocoad remote`: the store of data and results."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, filled
from cli.document import print_document
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from services.dvc.remote import Remote


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    remote = add_command(
        commands,
        common,
        "remote",
        _show,
        "show, set or check the store of data and results",
        "tocoad remote set s3://inspection/line-3",
    )
    actions = remote.add_subparsers(dest="action", metavar="ACTION")
    show = "tell which store data and results are pushed to"
    add_command(actions, common, "show", _show, show, "tocoad remote show")
    setting = add_command(
        actions,
        common,
        "set",
        _set,
        "push data and results to this store from now on",
        "tocoad remote set s3://inspection/line-3",
    )
    setting.add_argument(
        "url", type=filled, metavar="URL",
        help="a folder, or s3://BUCKET/PREFIX; it is kept in .dvc/config, which git tracks. Endpoint and keys come "
        "from the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE) or AWS's "
        "own files, and never belong in the URL",
    )  # fmt: skip
    about = "write, read back and remove one object in the store"
    check = add_command(actions, common, "check", _check, about, "tocoad remote check")
    check.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _show(options: argparse.Namespace) -> int:
    from services.addresses import configure

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.dvc.remote import configured_remote

    if (remote := configured_remote(workspace)) is None:
        print("no remote: data and results lie in this workspace alone; tocoad remote set URL", file=sys.stderr)
        return 0
    _tell(remote)
    return 0


def _set(options: argparse.Namespace) -> int:
    from services.addresses import configure

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.dvc.remote import configure_remote

    _tell(configure_remote(workspace, options.url))
    print("it is in .dvc/config: commit that, and a clone has it; next: tocoad remote check", file=sys.stderr)
    return 0


def _check(options: argparse.Namespace) -> int:
    from services.addresses import configure

    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    from services.dvc.push import remote_to_push_to

    remote = remote_to_push_to(workspace)
    begin = time.monotonic()
    remote.store().check()
    seconds = time.monotonic() - begin
    if options.json:
        print_document({"remote": remote.url, "seconds": round(seconds, 2)})
    else:
        print(f"{remote.url}: wrote, found, read back and deleted an object, {seconds:.1f} s")
    return 0


def _tell(remote: Remote) -> None:
    """The place on standard output, where it may be read by others."""
    print(remote.url)
