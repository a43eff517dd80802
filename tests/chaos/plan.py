"""What the rounds do: the same seed gives the same choices."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "kill the driver",
    "SIGTERM",
    "SIGINT",
    "kill a worker",
    "kill the raylet",
    "kill Prefect's server",
    "kill everything",
    "damage a file",
    "full disk",
    "MLflow away",
    "a second run at once",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]

# The settings and images that the rounds go to and fro between.
STATES = ("seed 1", "seed 2", "seed 1, an image more", "seed 2, an image more")


@dataclass(frozen=True)
class Round:
    """`moment` is a share of the time that an undisturbed retrain takes; `draw` picks what else there is to pick."""

    number: int
    kind: Kind
    state: str
    moment: float
    draw: int


def rounds(seed: int, count: int) -> Iterator[Round]:
    """Each kind once before any comes again, and never twice the same state."""
    generator = random.Random(seed)
    deck: list[Kind] = []
    state = STATES[0]
    for number in range(1, count + 1):
        if not deck:
            deck = generator.sample(KINDS, len(KINDS))
        state = generator.choice([other for other in STATES if other != state])
        yield Round(number, deck.pop(), state, round(generator.uniform(0.02, 0.98), 3), generator.randrange(2**31))
