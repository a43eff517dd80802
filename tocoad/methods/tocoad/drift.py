"""Feature drift: how far stage 2 has taken F from F0, seen on normals that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from tocoad.losses.contrastive import anchor_loss
from tocoad.nn.device import Compute

IMAGES = 8
_MEASUREMENTS = 10

Network = Callable[[Tensor], Mapping[int, Tensor]]
"""Images (B, 3, S, S) -> {level: (B, C, H, W)}."""


def is_due(step: int, iterations: int) -> bool:
    """Whether to measure after this step (from 0): ten times over the run, the last time after the last step."""
    return (step + 1) * _MEASUREMENTS // iterations > step * _MEASUREMENTS // iterations


class FeatureDrift:
    """Mean over positions of 1 - cos(F_l(x), F0_l(x)) at `levels`: 0 where the features are F0's, at most 2.

    `images` (B, 3, S, S) are normalised, and the same at every measurement. F0's maps are computed once, at the first.
    """

    def __init__(
        self, encoder: Network, pretrained: Network, images: Tensor, levels: Sequence[int], compute: Compute
    ) -> None:
        self._encoder = encoder
        self._pretrained = pretrained
        self._images = images
        self._levels = tuple(levels)
        self._compute = compute

    def measure(self) -> dict[str, float]:
        """`drift_level3` and so on, of the encoder as it is now; nothing is changed by it."""
        if not self._levels:
            return {}
        maps = self._maps(self._encoder)
        return {f"drift_level{level}": float(anchor_loss(maps[level], self._frozen[level])) for level in self._levels}

    @cached_property
    def _frozen(self) -> dict[int, Tensor]:
        return self._maps(self._pretrained)

    @torch.no_grad()
    def _maps(self, network: Network) -> dict[int, Tensor]:
        with self._compute.autocast():
            maps = network(self._images)
        return {level: maps[level].float() for level in self._levels}
