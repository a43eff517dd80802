"""`tocoad init`: a workspace without a checkout."""

from __future__ import annotations

import argparse
import shlex
import sys

from cli.command import Subparsers, add_command, path

_GIT = {
    "made": "a git repository is in it; commit when you like",
    "found": "it belongs to the git repository that the folder lies in",
    "absent": "git is not installed: DVC keeps the versions of data and results, and nothing those of the settings",
}


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    init = add_command(
        commands, common, "init", _init, "make a workspace, without a checkout of the sources", "tocoad init inspection"
    )
    init.add_argument(
        "folder", type=path, metavar="DIR", help="a new folder, or one that is empty but for a git repository"
    )


def _init(options: argparse.Namespace) -> int:
    from services.new_workspace import make_workspace

    found = make_workspace(options.folder)
    print(options.folder.resolve())
    step = "" if options.folder.samefile(".") else f"cd {shlex.quote(str(options.folder))} && "
    print(f"{_GIT[found]}; next: {step}tocoad sample && tocoad retrain sample", file=sys.stderr)
    return 0
