"""The frozen encoder's maps of the training images: nothing is drawn anew, so each image is seen once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.files.scratch import scratch_array
from tocoad.nn.device import Compute
from tocoad.nn.encoder import Encoder
from tocoad.training.tensors import image_tensor


class FrozenMaps:
    """E0's maps of a batch, without a graph.

    On a CPU every image is computed once, alone, and its maps are kept in a file without a name: what a batch gets does
    not depend on the others in it. On CUDA they are computed batch by batch, which is sooner than fetching them.
    """

    def __init__(self, encoder: Encoder, images: NDArray[np.uint8], compute: Compute, folder: Path) -> None:
        """`encoder` is folded, on the device; `images` (N, S, S, 3); `folder` has room for the file."""
        self._encoder, self._images, self._compute, self._folder = encoder, images, compute, folder
        self._known = np.zeros(len(images), np.bool_)
        self._kept: dict[int, Tensor] = {}

    def batch(self, indices: Sequence[int]) -> dict[int, Tensor]:
        """(B, C, H, W) by level."""
        if self._compute.device.type != "cpu":
            return self._maps(indices)
        for index in indices:
            if not self._known[index]:
                for level, x in self._maps([index]).items():
                    self._array(level, x)[index] = x[0].permute(1, 2, 0)
                self._known[index] = True
        rows = torch.tensor(indices)
        return {level: self._compute.images(kept[rows].permute(0, 3, 1, 2)) for level, kept in self._kept.items()}

    @torch.no_grad()
    def _maps(self, indices: Sequence[int]) -> dict[int, Tensor]:
        x = image_tensor(self._images[list(indices)], self._encoder.mean, self._encoder.std, self._compute)
        with self._compute.autocast():
            maps: dict[int, Tensor] = self._encoder(x)
        return maps

    def _array(self, level: int, like: Tensor) -> Tensor:
        """(N, H, W, C) of the type of `like` (1, C, H, W)."""
        if level not in self._kept:
            _, channels, height, width = like.shape
            shape = (len(self._images), height, width, channels)
            plain = np.dtype(f"i{like.element_size()}")  # numpy has no bf16, autocast's type
            array = scratch_array(shape, plain, self._folder, "train", "train on fewer images")
            self._kept[level] = torch.from_numpy(array).view(like.dtype)
        return self._kept[level]
