"""A detector's networks in the form that a graph can hold.

Three parts of them are made for a processor that computes image by image: the memory bank, whose search branches;
convolutions that lengthen their kernels as they run; and D's up-sampling, whose matrix is kept outside the network.
Scores of the detector itself stay what they are: it is a copy that changes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocoad.export.bank import GraphBank
from tocoad.memory.model import MemoryBankModel
from tocoad.methods.tocoad.fused import FusedModel
from tocoad.nn.convolution import SlimConv2d
from tocoad.nn.decoder import Discriminator
from tocoad.nn.encoder import STRIDES
from tocoad.package.detector import ScoringModel
from tocoad.scoring.anomaly_map import anomaly_map_operator, apply_operator


def graph_form(model: ScoringModel) -> ScoringModel:
    """A copy that scores batches (B, 3, S, S) as `model` scores their images, but for rounding."""
    copied = copy.deepcopy(cast(nn.Module, model))
    for name, module in list(copied.named_modules()):
        if isinstance(module, SlimConv2d):
            copied.set_submodule(name, _plain(module))
        elif isinstance(module, nn.ReLU6):
            copied.set_submodule(name, _Clamped())
        elif isinstance(module, MemoryBankModel):
            neighbours = module.spec.reweight_neighbours if module.spec.reweight else 0
            banks = [GraphBank(module.bank(number), neighbours) for number in range(len(module.banks))]
            module.banks = nn.ModuleList(banks)
        elif isinstance(module, FusedModel):
            upsampled = _Upsampled(module.discriminator, module.spec.bank.image_size)
            module.discriminator = cast(Discriminator, upsampled)
    # Rows first again, as other runtimes have their tensors.
    copied.to(memory_format=torch.contiguous_format)
    return cast(ScoringModel, copied.requires_grad_(False).eval())


class _Clamped(nn.Module):
    """ReLU6. Torch's own is taken to pieces when it is exported, which takes longer than all else."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 6)


class _Upsampled(nn.Module):
    """D with its up-sampling matrix as a buffer."""

    operator: Tensor

    def __init__(self, discriminator: Discriminator, size: int) -> None:
        super().__init__()
        self.discriminator = discriminator
        grid = size // STRIDES[discriminator.levels[-1]]
        self.register_buffer("operator", anomaly_map_operator(size, grid, sigma=0.0))

    def forward(self, maps: Mapping[int, Tensor], size: int) -> Tensor:
        return apply_operator(self.operator, self.discriminator.on_grid(maps))


def _plain(slim: SlimConv2d) -> nn.Conv2d:
    """The same convolution with its kernel lengthened once: sides of images are multiples of 32, so every map that a
    convolution of stride 2 reads is even.
    """
    weight = F.pad(slim.weight, (1, 0, 1, 0)) if slim.lopsided else slim.weight
    out_channels, in_channels, size = weight.shape[0], weight.shape[1] * slim.groups, weight.shape[2]
    convolution = nn.Conv2d(
        in_channels, out_channels, size, slim.stride, slim.padding, groups=slim.groups, bias=slim.bias is not None
    )
    convolution.weight = nn.Parameter(weight.detach())
    if slim.bias is not None:
        convolution.bias = nn.Parameter(slim.bias.detach())
    return convolution
