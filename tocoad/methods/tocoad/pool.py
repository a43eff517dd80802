"""Stage 1's samples: drawn anew at each step, or from a pool whose maps the frozen encoder computes once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.files.scratch import scratch_array
from tocoad.nn.device import Compute
from tocoad.parallel.exchange import rows_of_all
from tocoad.stages.stage import Progress, ProgressCallback
from tocoad.training.batches import batch_indices
from tocoad.training.parallel import Share


@dataclass(frozen=True)
class MapBatch:
    """Maps (B, C, H, W) by level of B synthetic samples, and their masks (B, 1, S, S) float32."""

    maps: Mapping[int, Tensor]
    gt_mask: Tensor


Draw = Callable[[int], MapBatch]
"""Draws this worker's share of the batch of the given step (from 0) anew."""


class MapPool:
    """Draws `size` samples, rounded up to whole batches, in the first steps, and shuffles those for all later ones.

    What a step gets is a function of its number alone: after a resume, what is missing is drawn again. A training that
    is over before the pool is full is the same as one without a pool. Workers that share the batches draw their share
    of each, and keep what all drew.
    """

    def __init__(
        self,
        draw: Draw,
        size: int,
        share: Share,
        seed: int,
        compute: Compute,
        folder: Path,
        progress: ProgressCallback,
    ) -> None:
        """The maps go to a file in `folder` that has no name there and is gone with the process, whatever ends it."""
        self._draw, self._share, self._seed, self._compute = draw, share, seed, compute
        self._folder, self._progress = folder, progress
        self._filled = np.zeros(-(-size // share.batch_size), np.bool_)
        self._maps: dict[int, NDArray[np.float16]] = {}
        self._masks: NDArray[np.bool_] = np.empty(0, np.bool_)

    def batch(self, step: int) -> MapBatch:
        if step < len(self._filled):
            return self._fill(step)
        missing = np.flatnonzero(~self._filled)
        for done, number in enumerate(map(int, missing)):
            self._progress(Progress(done, len(missing)))
            self._fill(number)
        batch_size = self._share.batch_size
        indices = batch_indices(batch_size * len(self._filled), batch_size, step, self._seed)
        return self._read(indices[self._share.rows])

    def _fill(self, number: int) -> MapBatch:
        batch = self._draw(number)
        if not self._maps:
            self._allocate(batch)
        batch_size = self._share.batch_size
        kept = slice(number * batch_size, (number + 1) * batch_size)
        for level, x in batch.maps.items():
            self._maps[level][kept] = self._of_all(x.permute(0, 2, 3, 1).half())  # numpy has no bf16, autocast's type
        self._masks[kept] = self._of_all(batch.gt_mask.squeeze(1)) > 0
        self._filled[number] = True
        return batch

    def _of_all(self, mine: Tensor) -> NDArray[Any]:
        whole = rows_of_all(mine, self._share.rows, self._share.batch_size, self._share.world)
        return np.asarray(whole.cpu().numpy())

    def _read(self, indices: list[int]) -> MapBatch:
        def tensor(rows: NDArray[np.float16] | NDArray[np.bool_]) -> Tensor:
            return torch.from_numpy(rows).to(self._compute.device).float()

        maps = {level: self._compute.images(tensor(x[indices]).permute(0, 3, 1, 2)) for level, x in self._maps.items()}
        return MapBatch(maps, tensor(self._masks[indices]).unsqueeze(1))

    def _allocate(self, batch: MapBatch) -> None:
        count = self._share.batch_size * len(self._filled)
        for level, x in batch.maps.items():
            _, channels, height, width = x.shape
            self._maps[level] = self._array((count, height, width, channels), np.dtype(np.float16))
        self._masks = self._array((count, *batch.gt_mask.shape[2:]), np.dtype(np.bool_))

    def _array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.memmap:
        return scratch_array(shape, dtype, self._folder, "stage1.pool", "choose a smaller pool")
