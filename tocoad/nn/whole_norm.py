"""Batch norm over the whole batch where several workers share it: the statistics are those of all shares.

`torch.nn.SyncBatchNorm` does it on CUDA alone.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional as F

from tocoad.parallel.exchange import of_all_shares, total
from tocoad.parallel.world import World, current_world


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Takes the place of a batch norm; its parameters and buffers are that one's, by the same names."""

    def __init__(self, norm: nn.BatchNorm2d, world: World) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, affine=False, track_running_stats=False)
        self.track_running_stats, self.affine, self._world = True, norm.affine, world
        for name in ("weight", "bias"):
            self.register_parameter(name, getattr(norm, name))
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.after: nn.Module = nn.Identity()
        if isinstance(norm, BatchNormAct2d):
            self.after = nn.Sequential(norm.drop, norm.act)
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same, of a rank's share of the batch."""
        z: Tensor = self.after(self._on_the_batch(x) if self.training else super().forward(x))
        return z

    def _on_the_batch(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            # Torch's own kernel of a batch norm: `var_mean` takes 26 times as long where the channels are last.
            mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
            variance, mean, count = of_all_shares(variance, mean, x.numel() / x.shape[1], self._world)
            self._follow(variance * (count / (count - 1)), mean)
        y: Tensor = _Normalised.apply(x, self.weight, self.bias, mean, variance, count, self.eps, self._world)
        return y

    def _follow(self, variance: Tensor, mean: Tensor) -> None:
        assert self.momentum is not None and self.num_batches_tracked is not None
        for running, new in ((self.running_mean, mean), (self.running_var, variance)):
            assert running is not None
            running.mul_(1 - self.momentum).add_(new, alpha=self.momentum)
        self.num_batches_tracked += 1


class _Normalised(torch.autograd.Function):
    """The gradient is written out (Ioffe & Szegedy 2015, section 3): one sum over the ranks instead of two, and fewer
    passes over the maps.

        dx = w / s (g - mean(g) - xhat mean(g xhat)),   xhat = (x - mean) / s,   means over the whole batch

    Those of weight and bias are this rank's part, as are all parameters'.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: float,
        eps: float,
        world: World,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.count, ctx.eps, ctx.world = count, eps, world
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        unit = torch.ones_like(mean) if weight is None else weight
        _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, unit, mean, variance, None, None, False, ctx.eps, [False, True, True]
        )
        along, level = (total(torch.stack([of_weight, of_bias]), ctx.world) / ctx.count).unbind()
        inverse = (variance + ctx.eps).rsqrt()
        scale = unit * inverse
        slope = -scale * inverse * along
        shift = -scale * level - slope * mean
        shape = (1, -1, 1, 1)
        of_x = torch.addcmul(shift.view(shape), x, slope.view(shape)).addcmul_(gradient, scale.view(shape))
        parts = (None, None) if weight is None else (of_weight, of_bias)
        return of_x.to(x.dtype), *parts, None, None, None, None, None


def norm_whole_batches(network: nn.Module) -> None:
    """From here on the batch norms that are in training mode take their statistics from the batch of the whole world;
    the network's state dict keeps its names. A rank that is alone has the whole batch.
    """
    world = current_world()
    if world.alone:
        return
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d) and module.training:
            network.set_submodule(name, WholeBatchNorm2d(module, world))
