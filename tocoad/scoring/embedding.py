"""One vector for an image: its feature maps on a coarse grid, so that it tells where things are too."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_GRID = 4
# Of a wide encoder's maps neighbouring channels are averaged: a thousand of them tell little more of an image's kind.
_WIDTH = 128


def image_embedding(maps: Mapping[int, Tensor]) -> Tensor:
    """{level: (B, C, H, W)} -> (B, D) float32, D at most 2048 a level."""
    parts = []
    for level in sorted(maps):
        cells = F.adaptive_avg_pool2d(maps[level].float(), _GRID).flatten(2)
        if cells.shape[1] > _WIDTH:
            cells = F.adaptive_avg_pool1d(cells.mT, _WIDTH).mT
        parts.append(cells.flatten(1))
    return torch.cat(parts, dim=1)
