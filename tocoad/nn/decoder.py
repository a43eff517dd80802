"""The inverse (mirror) decoder's blocks and ToCoAD's discriminative network D (methods.md: stage 1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from tocoad.nn.folding import fold
from tocoad.scoring.anomaly_map import anomaly_map_operator, apply_operator

_MIN_WIDTH = 32  # of the middle convolution, for slim backbones
_PRIOR = 0.01  # share of anomalous pixels that D believes in before it has seen any

Activation = Callable[[], nn.Module]
RELU: Activation = partial(nn.ReLU, inplace=True)


class InverseBottleneck(nn.Module):
    """A ResNet bottleneck turned round: to up-sample, its middle convolution is a 2x2 stride-2 transposed one.

    (B, in, H, W) -> (B, out, sH, sW), s = 2 for an up-sampling block, else 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        upsample: bool,
        ratio: float = 0.5,
        activation: Activation = RELU,
    ) -> None:
        """`ratio` is the width of the middle convolution by the width that comes out."""
        super().__init__()
        width = bottleneck_width(out_channels, ratio)
        middle: nn.Module
        if upsample:
            middle = nn.ConvTranspose2d(width, width, 2, stride=2, bias=False)
        else:
            middle = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            activation(),
            middle,
            nn.BatchNorm2d(width),
            activation(),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if upsample:
            self.shortcut = nn.Sequential(
                nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False), nn.BatchNorm2d(out_channels)
            )
        elif in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return y


def inverse_stage(
    in_channels: int, out_channels: int, blocks: int, ratio: float = 0.5, activation: Activation = RELU
) -> nn.Sequential:
    """One up-stage: the first of its blocks doubles the resolution."""
    first = InverseBottleneck(in_channels, out_channels, True, ratio, activation)
    rest = [InverseBottleneck(out_channels, out_channels, False, ratio, activation) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


def bottleneck_width(out_channels: int, ratio: float) -> int:
    """Width of the middle convolution of a bottleneck block."""
    return max(int(out_channels * ratio), _MIN_WIDTH)


class Discriminator(nn.Module):
    """D: from the encoder's maps to one logit per pixel, the evidence that the pixel is anomalous.

    Up-stages start from the deepest map; each takes the encoder's map of its own level as a U-Net skip (1x1
    convolution and batch norm, added: raw maps differ in size from backbone to backbone). Widths follow the encoder's.
    """

    def __init__(self, channels: Mapping[int, int], blocks: int) -> None:
        """`channels` maps each encoder level to its width; the levels are consecutive."""
        super().__init__()
        self.levels: Sequence[int] = sorted(channels, reverse=True)
        self._channels = dict(channels)
        if self.levels[0] - self.levels[-1] != len(self.levels) - 1:
            raise ValueError(f"levels {self.levels} are not consecutive")
        widths = [channels[level] for level in self.levels]
        self.up = nn.ModuleList(inverse_stage(a, b, blocks) for a, b in pairwise(widths))
        self.skip = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)) for width in widths[1:]
        )
        self.logit = nn.Conv2d(widths[-1], 1, 1)

    def init_weights(self, seed: int) -> None:
        """Same seed, same weights. The logit starts at the prior, as focal loss wants it (Lin et al. 2017, 4.1)."""
        generator = seeded_init(self, seed)
        with torch.no_grad():
            self.logit.weight.normal_(0, 0.01, generator=generator)
        assert self.logit.bias is not None
        nn.init.constant_(self.logit.bias, -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, maps: Mapping[int, Tensor], size: int) -> Tensor:
        """Square maps (B, C_l, H_l, H_l) by level; returns logits (B, 1, size, size)."""
        # A 1x1 convolution and bilinear up-sampling commute, so the cheap order is taken.
        x = self.on_grid(maps)
        return apply_operator(_up_sampling(size, x.shape[-1], x.device), x)

    def on_grid(self, maps: Mapping[int, Tensor]) -> Tensor:
        """The logits before they are enlarged, on the grid of the shallowest map: (B, 1, H_l, H_l)."""
        x = maps[self.levels[0]]
        for level, up, skip in zip(self.levels[1:], self.up, self.skip, strict=True):
            x = up(x) + skip(maps[level])
        y: Tensor = self.logit(x)
        return y

    def folded(self) -> Self:
        """A frozen copy whose batch norms lie in the convolutions before them. This one must be in eval mode."""

        def run(network: nn.Module) -> Iterable[Tensor]:
            like, deepest = next(network.parameters()), self.levels[0]
            sides = {level: 2 ** (deepest - level) for level in self._channels}
            maps = {level: like.new_zeros(1, self._channels[level], side, side) for level, side in sides.items()}
            return [network(maps, 32)]

        return fold(self, run).requires_grad_(False).eval()


@lru_cache(maxsize=4)
def _up_sampling(size: int, grid: int, device: torch.device) -> Tensor:
    """(size, grid); forward and back, two matrix products take a quarter of the time of torch's interpolation."""
    with torch.inference_mode(False):  # it is kept, and may be needed for gradients later
        return anomaly_map_operator(size, grid, sigma=0.0).to(device)


def seeded_init(module: nn.Module, seed: int) -> torch.Generator:
    """Kaiming fan-out for convolutions, 1 and 0 for batch norm, from a generator of its own: same seed, same weights.

    Returns the generator, for whoever has more to draw.
    """
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            fan_out = layer.weight.shape[0] * layer.kernel_size[0] * layer.kernel_size[1]
            with torch.no_grad():
                layer.weight.normal_(0, (2 / fan_out) ** 0.5, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    return generator
