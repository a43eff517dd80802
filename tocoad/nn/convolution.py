"""Convolutions of slim networks (EfficientNet's kind) that give what torch gives, sooner on a CPU.

- TensorFlow's "same" padding of a strided convolution is lopsided for a map of even size, so timm pads the map first,
  which copies it. Even padding and a kernel with one more row and column of zeros before its own come to the same.
- oneDNN computes the weight gradient of a depthwise convolution wider than 3x3 as if it were dense: 5 to 10 times the
  time of the plain sums below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from tocoad.nn.compiling import compiled

Floats = NDArray[np.floating]

_LARGEST_FAST = 3  # up to this kernel torch's own weight gradient is as good


class SlimConv2d(nn.Module):
    """Shares the parameters of the convolution it stands for, one that `is_slow`. (B, C, H, W) -> (B, C', H', W')."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.groups = convolution.stride[0], convolution.groups
        self.lopsided = isinstance(convolution, Conv2dSame)
        size = convolution.kernel_size[0]
        self.padding = (size - 1) // 2 if self.lopsided else int(convolution.padding[0])

    def forward(self, x: Tensor) -> Tensor:
        lead = (1 - x.shape[2] % 2, 1 - x.shape[3] % 2) if self.lopsided else (0, 0)
        own_gradient = self.groups > 1 and self.weight.requires_grad and torch.is_grad_enabled()
        if own_gradient and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            y: Tensor = _Depthwise.apply(x, self.weight, self.bias, self.stride, self.padding, lead)
            return y
        return F.conv2d(x, _lengthened(self.weight, lead), self.bias, self.stride, self.padding, 1, self.groups)


def is_slow(module: nn.Module) -> bool:
    """Whether `SlimConv2d` can stand for the module and is faster."""
    if not isinstance(module, nn.Conv2d) or module.kernel_size[0] != module.kernel_size[1]:
        return False
    depthwise = module.groups == module.in_channels == module.out_channels
    plain = (
        module.stride[0] == module.stride[1] and module.dilation == (1, 1) and module.groups in (1, module.in_channels)
    )
    if type(module) is Conv2dSame:
        return (
            plain and module.stride == (2, 2) and module.kernel_size[0] % 2 == 1 and (depthwise or module.groups == 1)
        )
    even = (
        not isinstance(module.padding, str)
        and module.padding[0] == module.padding[1]
        and module.padding_mode == "zeros"
    )
    return type(module) is nn.Conv2d and plain and even and depthwise and module.kernel_size[0] > _LARGEST_FAST


def replace_slow(network: nn.Module) -> None:
    """In place; parameters and their names stay."""
    for name, module in list(network.named_modules()):
        if is_slow(module):
            assert isinstance(module, nn.Conv2d)
            network.set_submodule(name, SlimConv2d(module))


def _lengthened(weight: Tensor, lead: tuple[int, int]) -> Tensor:
    """The kernel with so many rows and columns of zeros before its own."""
    return F.pad(weight, (lead[1], 0, lead[0], 0)) if any(lead) else weight


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution whose weight gradient is summed up by `_weight_gradient`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, lead: tuple[int, int]
    ) -> Tensor:
        kernel = _lengthened(weight, lead)
        ctx.save_for_backward(x, kernel)
        ctx.size, ctx.stride, ctx.padding, ctx.lead = weight.shape[-1], stride, padding, lead
        return F.conv2d(x, kernel, bias, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        stride, padding, lead = ctx.stride, ctx.padding, ctx.lead
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            options = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(kernel), [True, False, False])
            of_x = torch.ops.aten.convolution_backward(gradient, x, kernel, None, *options)[0]
        if ctx.needs_input_grad[1]:
            before = padding - lead[0], padding - lead[1]
            sums = _weight_gradient(_rows(x), _rows(gradient), ctx.size, stride, *before)
            of_weight = torch.from_numpy(sums).permute(2, 0, 1).unsqueeze(1)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_x, of_weight, of_bias, None, None, None


def _rows(x: Tensor) -> Floats:
    """(B, C, H, W) -> (B, H, W, C), channels last in memory; a copy only where they are not."""
    return np.ascontiguousarray(x.detach().permute(0, 2, 3, 1).numpy())


@compiled
def _weight_gradient(x: Floats, gradient: Floats, size: int, stride: int, top: int, left: int) -> Floats:
    """(size, size, C): sum over images and places of `gradient` (B, h, w, C) times the `x` (B, H, W, C) under each tap.

    `top` and `left` are the padding before the map. Four columns at a time, so that a sum is fetched and put back once.
    """
    batch, height, width, channels = x.shape
    rows, columns = gradient.shape[1], gradient.shape[2]
    sums = np.zeros((size, size, channels), x.dtype)
    for image in range(batch):
        for row in range(rows):
            for i in range(size):
                source = row * stride + i - top
                if source < 0 or source >= height:
                    continue
                for j in range(size):
                    offset = j - left
                    column = max(0, (stride - 1 - offset) // stride)
                    end = min(columns, (width - 1 - offset) // stride + 1)
                    total = sums[i, j]
                    while column + 4 <= end:
                        g0, g1 = gradient[image, row, column], gradient[image, row, column + 1]
                        g2, g3 = gradient[image, row, column + 2], gradient[image, row, column + 3]
                        first = column * stride + offset
                        x0, x1 = x[image, source, first], x[image, source, first + stride]
                        x2, x3 = x[image, source, first + 2 * stride], x[image, source, first + 3 * stride]
                        for c in range(channels):
                            total[c] += (g0[c] * x0[c] + g1[c] * x1[c]) + (g2[c] * x2[c] + g3[c] * x3[c])
                        column += 4
                    while column < end:
                        g, under = gradient[image, row, column], x[image, source, column * stride + offset]
                        for c in range(channels):
                            total[c] += g[c] * under[c]
                        column += 1
    return sums
