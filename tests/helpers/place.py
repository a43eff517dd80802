"""Where a process of a test lives: by default on loopback, or in a namespace of its own (`namespaces.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Place:
    """`ip` is its address for the others; `through` a command that executes there the one that is put after it."""

    ip: str = "127.0.0.1"
    through: tuple[str, ...] = ()

    def inside(self, ask: Callable[[], Answer]) -> Answer:
        """What `ask` says of the network as it is seen from here."""
        return ask()


LOOPBACK = Place()
