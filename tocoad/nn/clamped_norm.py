"""Batch norm on the batch's own statistics that does not blow up where a channel is dead on one narrow category.

ReContrast's stable variant (methods.md: training): a variance below `VARIANCE_MIN`, or below the pretrained running
variance where that is less, counts as that minimum. The mean is the batch's.
"""

from __future__ import annotations

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional as F

from tocoad.parallel.exchange import var_mean
from tocoad.parallel.world import current_world

VARIANCE_MIN = 5e-4
EPS = 1e-6


class ClampedBatchNorm2d(nn.Module):
    """Takes the place of a pretrained batch norm; its parameters and buffers are that one's, by the same names.

    In eval mode it uses the running statistics, which follow the clamped variance.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    floor: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        self.momentum = 0.1 if norm.momentum is None else norm.momentum
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.register_buffer("floor", self.running_var.clamp(max=VARIANCE_MIN), persistent=False)
        self.act: nn.Module = norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        if self.training:
            variance, mean, _ = var_mean(x, (0, 2, 3), current_world())
            variance = torch.maximum(variance, self.floor)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance, self.momentum)
                self.num_batches_tracked += 1
            scale = self.weight * (variance + EPS).rsqrt()
            shift = self.bias - mean * scale
            y = x * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)
        else:
            y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPS)
        z: Tensor = self.act(y)
        return z


def clamp_batch_norms(network: nn.Module) -> None:
    """Puts a `ClampedBatchNorm2d` in the place of every batch norm; the network's state dict keeps its names."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            network.set_submodule(name, ClampedBatchNorm2d(module))
