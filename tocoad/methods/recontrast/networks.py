"""ReContrast's bottleneck, decoder and heads: from the codes of two encoders to reconstructions of their maps.

Guo et al. 2023, section 3; widths and strides as the official WideResNet-50-2 has them, for any encoder with the levels
1, 2 and 3 (methods.md: networks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, Self

import torch
from torch import Tensor, nn

from tocoad.nn.decoder import RELU, Activation, bottleneck_width, inverse_stage, seeded_init
from tocoad.nn.folding import fold

LEVELS = (1, 2, 3)
_BOTTLENECK_BLOCKS = 3

Maps = Mapping[int, Tensor]
"""(B, C_l, H_l, W_l) by level."""


class Bottleneck(nn.Module):
    """Brings the three maps to the deepest one's size, and all of them through three residual blocks.

    Maps by level -> (B, 2 C_3, H_3 / 2, W_3 / 2), the code that the decoder starts from.
    """

    def __init__(self, channels: Mapping[int, int], ratio: float) -> None:
        super().__init__()
        first, second, third = (channels[level] for level in LEVELS)
        self.first = nn.Sequential(*_down(first, second), *_down(second, third))
        self.second = nn.Sequential(*_down(second, third))
        blocks = [ResidualBlock(3 * third, 2 * third, 2, ratio)]
        blocks += [ResidualBlock(2 * third, 2 * third, 1, ratio) for _ in range(_BOTTLENECK_BLOCKS - 1)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, maps: Maps) -> Tensor:
        first, second, third = (maps[level] for level in LEVELS)
        code: Tensor = self.blocks(torch.cat([self.first(first), self.second(second), third], dim=1))
        return code


class ResidualBlock(nn.Module):
    """ResNet's bottleneck block (He et al. 2016). (B, in, H, W) -> (B, out, H / stride, W / stride)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, ratio: float) -> None:
        super().__init__()
        width = bottleneck_width(out_channels, ratio)
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            RELU(),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            RELU(),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.activation = RELU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return y


class ReconstructionNetwork(nn.Module):
    """One bottleneck and one decoder for both codes, and a set of 1x1 heads for each of the two targets."""

    def __init__(
        self,
        channels: Mapping[int, int],
        ratio: float,
        blocks: Sequence[int],
        activation: Literal["relu", "gelu"],
    ) -> None:
        """`channels` by encoder level; `blocks` of each up-stage, the deepest first."""
        super().__init__()
        self._channels = {level: channels[level] for level in LEVELS}
        widths = [2 * channels[3], *(channels[level] for level in reversed(LEVELS))]
        act: Activation = nn.GELU if activation == "gelu" else RELU
        self.bottleneck = Bottleneck(channels, ratio)
        self.up = nn.ModuleList(
            inverse_stage(a, b, count, ratio, act) for (a, b), count in zip(pairwise(widths), blocks, strict=True)
        )
        self.heads_frozen = _heads(channels)
        self.heads_trained = _heads(channels)

    def init_weights(self, seed: int) -> None:
        """Same seed, same weights."""
        seeded_init(self, seed)

    def forward(self, trained: Maps, frozen: Maps) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Of the two encoders' maps of the same images: what each target is reconstructed to be, by level.

        The first is the frozen encoder's maps out of the trained one's code, the second the other way round. Both codes
        go through as one batch, so that the batch norms' statistics in training are of both (methods.md: networks).
        Where they are one and the same object, it goes through once: twice the same batch has the same mean and
        variance, and the running variances alone, which torch keeps as n / (n - 1) of them, are a 2n-th part greater.
        """
        same = trained is frozen
        count = 0 if same else trained[LEVELS[0]].shape[0]
        codes = trained if same else {level: torch.cat([trained[level], frozen[level]]) for level in LEVELS}
        x = self.bottleneck(codes)
        of_frozen, of_trained = {}, {}
        for level, up in zip(reversed(LEVELS), self.up, strict=True):
            x = up(x)
            of_frozen[level] = self.heads_frozen[str(level)](x if same else x[:count])
            of_trained[level] = self.heads_trained[str(level)](x[count:])
        return of_frozen, of_trained

    def folded(self) -> Self:
        """A frozen copy whose batch norms lie in the convolutions before them. This one must be in eval mode."""

        def run(network: nn.Module) -> Iterable[Tensor]:
            like = next(network.parameters())
            sides = {level: 2 ** (5 - level) for level in LEVELS}
            maps = {level: like.new_zeros(1, self._channels[level], side, side) for level, side in sides.items()}
            of_frozen, of_trained = network(maps, maps)
            return [*of_frozen.values(), *of_trained.values()]

        return fold(self, run).requires_grad_(False).eval()


def _down(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(out_channels), RELU()


def _heads(channels: Mapping[int, int]) -> nn.ModuleDict:
    return nn.ModuleDict({str(level): nn.Conv2d(channels[level], channels[level], 1) for level in LEVELS})
