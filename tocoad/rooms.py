"""Where the rooms above the library are, when they do not lie beside it, and the command `tocoad`.

An installation has `cli`, `flows`, `tasks` and `services` in a folder of its own (infra/wheel/backend.py), which is on
the path of our processes alone: in anybody's environment, and in a user's folder, these may name something else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

ROOMS = Path(__file__).with_name("_rooms")


def is_apart() -> bool:
    """Whether this is an installation, not a checkout or a link to one."""
    return ROOMS.is_dir()


def enter() -> None:
    """The rooms are found in this process from here on, before others of their names."""
    if is_apart() and str(ROOMS) not in sys.path:
        sys.path.insert(0, str(ROOMS))


def command() -> int:
    """What pyproject.toml calls `tocoad`. Named by a text, like there: the library imports no room above it."""
    enter()
    code: int = import_module("cli.main").main()
    return code
