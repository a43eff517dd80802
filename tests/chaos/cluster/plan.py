"""The faults of a cluster, the moments at which each strikes once, and what the rounds of a soak draw."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal[
    "nothing",
    "a worker killed",
    "a raylet killed",
    "the head killed",
    "a raylet hangs",
    "a network cut and healed",
    "the driver killed",
    "the embedded Prefect server killed",
    "the Prefect server killed",
    "MLflow away",
    "the store away",
    "the store away for too long",
    "out of memory in one job",
    "a node's disk full",
    "the driver's disk full",
    "a truncated image",
    "an image of too many pixels",
    "an answer after the node was declared dead",
]

STAGES = ("manifest", "synthesize", "stage1", "stage2", "fit", "evaluate")
STEPS = ("version", "register", "report")
"""Of the flow's own work, as Prefect's tasks are named."""
START = "before the start"
LAST_SECONDS = "the last seconds"
"""The last task that takes a while is over; what is left is told to Prefect."""
LONG = "stage1, for over a minute"

ONCE: tuple[tuple[Fault, str], ...] = (
    ("nothing", START),
    ("a worker killed", "stage1"),
    ("a raylet killed", "stage1"),
    ("the head killed", "stage1"),
    ("a raylet hangs", "stage1"),
    ("an answer after the node was declared dead", "stage1"),
    ("a network cut and healed", "stage1"),
    *(("the driver killed", at) for at in ("version", *STAGES, "register", "report")),
    ("the embedded Prefect server killed", "stage1"),
    ("the embedded Prefect server killed", LAST_SECONDS),
    ("the Prefect server killed", "stage1"),
    ("the Prefect server killed", LAST_SECONDS),
    ("MLflow away", LONG),
    ("the store away", LONG),
    ("the store away for too long", "stage1"),
    ("out of memory in one job", "stage1"),
    ("a node's disk full", "stage1"),
    ("the driver's disk full", "stage1"),
    ("a truncated image", START),
    ("an image of too many pixels", START),
)
"""Each fault once, and where it is told so at several moments."""


@dataclass(frozen=True)
class Round:
    """`at` names the stage or the step in which the fault strikes, or what `START` and `LAST_SECONDS` say; empty: at
    `share` of the time that an undisturbed run takes. `draw` picks what else there is to pick.
    """

    number: int
    fault: Fault
    at: str
    draw: int
    share: float = 0.0

    @property
    def moment(self) -> str:
        return self.at or f"at {self.share:.2f}"

    @property
    def is_long(self) -> bool:
        return self.at == LONG

    @property
    def stage(self) -> str | None:
        """In which a job is to be met; None where any will do."""
        return self.at.partition(",")[0] or None

    def random(self) -> random.Random:
        return random.Random(self.draw)


def once(seed: int) -> Iterator[Round]:
    generator = random.Random(seed)
    for number, (fault, at) in enumerate(ONCE):
        yield Round(number, fault, at, generator.randrange(2**31))


DECLARED_DEAD: frozenset[Fault] = frozenset(
    {"a raylet hangs", "a network cut and healed", "an answer after the node was declared dead"}
)
"""A node is declared dead on which a process goes on."""

# These fall on a job, and after this share of the time none may come any more.
ON_A_JOB: frozenset[Fault] = frozenset(
    {
        "a worker killed",
        "a raylet killed",
        "the head killed",
        "a raylet hangs",
        "a network cut and healed",
        "an answer after the node was declared dead",
        "out of memory in one job",
        "a node's disk full",
    }
)
_LAST_JOB = 0.4


@dataclass
class _Deck:
    """Each card once before any comes again."""

    generator: random.Random
    cards: list[Fault] = field(default_factory=list)

    def draw(self) -> Fault:
        if not self.cards:
            faults = [fault for fault in dict(ONCE) if fault != "nothing"]
            self.cards = self.generator.sample(faults, len(faults))
        return self.cards.pop()


def soak(seed: int, count: int) -> Iterator[Round]:
    """The same seed makes the same choices, and with another count the same first ones."""
    generator = random.Random(seed)
    deck = _Deck(generator)
    for number in range(1, count + 1):
        fault = deck.draw()
        share = round(generator.uniform(0.02, _LAST_JOB if fault in ON_A_JOB else 0.95), 3)
        draw = generator.randrange(2**31)
        at = START if (fault, START) in ONCE else ""
        yield Round(number, fault, at, draw, share)
