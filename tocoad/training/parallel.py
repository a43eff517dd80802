"""A worker's part in a training that several may share: the step is that of the whole batch, whoever has which samples.

See methods.md: several workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from tocoad.parallel.exchange import sum_gradients, whole_means
from tocoad.parallel.world import World, current_world


@dataclass(frozen=True)
class Share:
    """`rows` are the positions of this worker's samples in every batch of `batch_size`."""

    world: World
    batch_size: int
    rows: slice

    @classmethod
    def of_batches(cls, batch_size: int) -> Self:
        """In the world of this context. Raises SettingsError where it has more workers than a batch has samples."""
        world = current_world()
        return cls(world, batch_size, world.share(batch_size))

    def backward(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Leaves the gradients of the mean over the batch; `loss` is the mean over this share."""
        torch.autograd.backward(loss * self._weight)
        sum_gradients((p for group in optimizer.param_groups for p in group["params"]), self.world)

    def of_the_batch(self, figures: Mapping[str, float]) -> dict[str, float]:
        """From means over this share to those over the batch."""
        return whole_means(figures, self._weight, self.world)

    @property
    def _weight(self) -> float:
        return len(range(self.batch_size)[self.rows]) / self.batch_size
