"""How a batch gets on: what is scored, how fast, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from services.fleet import clock_text


@dataclass
class Pace:
    """Of `images` that many were `found` scored; the pace is that of the others."""

    images: int
    found: int
    clock: Callable[[], float] = monotonic
    done: int = field(init=False)

    def __post_init__(self) -> None:
        self.done, self._since = self.found, self.clock()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self.clock() - self._since

    @property
    def rate(self) -> float:
        """Images a second; 0 before the first."""
        scored = self.done - self.found
        return scored / self.seconds if scored else 0.0

    def line(self) -> str:
        """As `pace_line`."""
        return pace_line(self.done, self.images, self.rate)


def pace_line(done: int, images: int, rate: float) -> str:
    """`12,000 of 1,000,000 images scored, 52.1 a second, about 5:16:00 left`; `rate` 0: nobody knows yet."""
    told = f"{done:,} of {images:,} images scored"
    return f"{told}, {rate:.1f} a second, about {clock_text((images - done) / rate)} left" if rate else told
