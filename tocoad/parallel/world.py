"""Who takes part in a training: one process, or several that each take their share of every batch.

A step is the same with any number of them. Each draws its own samples of the very same batch, whatever is said of a
whole batch is made of all shares (`exchange`), and gradients are summed. See methods.md: several workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tocoad.errors import SettingsError


@dataclass(frozen=True)
class World:
    """The process of this `rank` among `size`; the leading one, rank 0, alone writes what is to last."""

    rank: int = 0
    size: int = 1

    @property
    def alone(self) -> bool:
        return self.size == 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """The positions in a batch that are this rank's; the first ranks take one more where it does not divide.

        Raises:
            SettingsError: there are more workers than samples.
        """
        if batch < self.size:
            raise SettingsError(f"workers: {self.size} cannot share a batch of {batch}: ask for at most {batch}")
        each, left = divmod(batch, self.size)
        start = self.rank * each + min(self.rank, left)
        return slice(start, start + each + (self.rank < left))


ALONE = World()
_current: ContextVar[World] = ContextVar("world", default=ALONE)


def current_world() -> World:
    """Of this context. What may run in a thread of torch's, as a backward pass does on CUDA, must have asked before."""
    return _current.get()


@contextmanager
def within(world: World) -> Iterator[None]:
    """The block, which the other ranks run too, belongs to this world; torch's process group is there."""
    token = _current.set(world)
    try:
        yield
    finally:
        _current.reset(token)
