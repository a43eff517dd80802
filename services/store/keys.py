"""The keys of a store in the environment: for the driver, which alone talks to it, and for none that works for it."""

from __future__ import annotations

import os

_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def without_keys() -> dict[str, str]:
    """The environment, for a process that needs none."""
    return {name: value for name, value in os.environ.items() if name not in _NAMES}


def forget_keys() -> None:
    """In this process, whoever started it."""
    for name in _NAMES:
        os.environ.pop(name, None)
