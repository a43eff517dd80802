"""Stage 1's samples: drawn anew at each step, or from a pool whose maps the frozen encoder computes once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.files.scratch import scratch_array
from tocoad.nn.device import Compute
from tocoad.stages.stage import Progress, ProgressCallback
from tocoad.training.batches import batch_indices


@dataclass(frozen=True)
class MapBatch:
    """Maps (B, C, H, W) by level of B synthetic samples, and their masks (B, 1, S, S) float32."""

    maps: Mapping[int, Tensor]
    gt_mask: Tensor


Draw = Callable[[int], MapBatch]
"""Draws the batch of the given step (from 0) anew."""


class MapPool:
    """Draws `size` samples, rounded up to whole batches, in the first steps, and shuffles those for all later ones.

    What a step gets is a function of its number alone: after a resume, what is missing is drawn again. A training that
    is over before the pool is full is the same as one without a pool.
    """

    def __init__(
        self,
        draw: Draw,
        size: int,
        batch_size: int,
        seed: int,
        compute: Compute,
        folder: Path,
        progress: ProgressCallback,
    ) -> None:
        """The maps go to a file in `folder` that has no name there and is gone with the process, whatever ends it."""
        self._draw, self._batch_size, self._seed, self._compute = draw, batch_size, seed, compute
        self._folder, self._progress = folder, progress
        self._filled = np.zeros(-(-size // batch_size), np.bool_)
        self._maps: dict[int, NDArray[np.float16]] = {}
        self._masks: NDArray[np.bool_] = np.empty(0, np.bool_)

    def batch(self, step: int) -> MapBatch:
        if step < len(self._filled):
            return self._fill(step)
        missing = np.flatnonzero(~self._filled)
        for done, number in enumerate(map(int, missing)):
            self._progress(Progress(done, len(missing)))
            self._fill(number)
        return self._read(batch_indices(self._batch_size * len(self._filled), self._batch_size, step, self._seed))

    def _fill(self, number: int) -> MapBatch:
        batch = self._draw(number)
        if not self._maps:
            self._allocate(batch)
        rows = slice(number * self._batch_size, (number + 1) * self._batch_size)
        for level, x in batch.maps.items():
            self._maps[level][rows] = x.permute(0, 2, 3, 1).half().cpu().numpy()  # numpy has no bf16, autocast's type
        self._masks[rows] = batch.gt_mask.squeeze(1).cpu().numpy() > 0
        self._filled[number] = True
        return batch

    def _read(self, indices: list[int]) -> MapBatch:
        def tensor(rows: NDArray[np.float16] | NDArray[np.bool_]) -> Tensor:
            return torch.from_numpy(rows).to(self._compute.device, torch.float32)

        maps = {level: self._compute.images(tensor(x[indices]).permute(0, 3, 1, 2)) for level, x in self._maps.items()}
        return MapBatch(maps, tensor(self._masks[indices]).unsqueeze(1))

    def _allocate(self, batch: MapBatch) -> None:
        count = self._batch_size * len(self._filled)
        for level, x in batch.maps.items():
            _, channels, height, width = x.shape
            self._maps[level] = self._array((count, height, width, channels), np.dtype(np.float16))
        self._masks = self._array((count, *batch.gt_mask.shape[2:]), np.dtype(np.bool_))

    def _array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.memmap:
        return scratch_array(shape, dtype, self._folder, "stage1.pool", "choose a smaller pool")
