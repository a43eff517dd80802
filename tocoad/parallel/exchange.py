"""What the ranks of a world tell each other: sums, statistics of whole batches, gradients, the leading rank's bytes.

Every rank makes the same calls in the same order. One that is alone gets what it gives, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from tocoad.parallel.world import World

# Of bytes that are sent at a time: a checkpoint need not be in memory twice.
_CHUNK = 64 * 2**20


def total(x: Tensor, world: World) -> Tensor:
    """The sum over all ranks, the same bits at each; the gradient is the sum of all ranks' gradients."""
    if world.alone:
        return x
    summed: Tensor = _Total.apply(x)
    return summed


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _summed(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(x: Tensor) -> Tensor:
    x = x.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(x)
    return x


def var_mean(x: Tensor, dims: tuple[int, ...], world: World) -> tuple[Tensor, Tensor, float]:
    """Biased variance and mean over `dims` of the whole batch, float32, and over how many values they are."""
    variance, mean = torch.var_mean(x.float(), dims, correction=0)
    return of_all_shares(variance, mean, x.numel() / mean.numel(), world)


def of_all_shares(variance: Tensor, mean: Tensor, count: float, world: World) -> tuple[Tensor, Tensor, float]:
    """From the biased variance and mean of this rank's `count` values to those of all ranks' together."""
    if world.alone:
        return variance, mean, count
    # In double precision: the mean's square is taken off again.
    wide = mean.double()
    moments = torch.stack([torch.ones_like(wide), wide, variance.double() + wide.square()])
    of_all = total(count * moments, world)
    whole = float(of_all[0].flatten()[0].detach())
    wide = of_all[1] / whole
    return (of_all[2] / whole - wide.square()).clamp_min(0).float(), wide.float(), whole


def sum_gradients(parameters: Iterable[nn.Parameter], world: World) -> None:
    """Of the ranks' parts of a loss to that of the loss, in place, the same bits at each rank."""
    if world.alone:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def whole_means(means: Mapping[str, float], weight: float, world: World) -> dict[str, float]:
    """Of means over this rank's share, which is `weight` of the batch, those over the batch."""
    if world.alone:
        return dict(means)
    of_all = _summed(torch.tensor(list(means.values()), dtype=torch.float64) * weight)
    return dict(zip(means, of_all.tolist(), strict=True))


def rows_of_all(mine: Tensor, rows: slice, count: int, world: World) -> Tensor:
    """(count, ...), of which every rank has its `rows`, to the bit."""
    if world.alone:
        return mine
    of_all = mine.new_zeros(count, *mine.shape[1:])
    of_all[rows] = mine
    distributed.all_reduce(of_all)
    return of_all


def start_alike(modules: Iterable[nn.Module]) -> None:
    """Gives every rank the leading one's tensors: processors of different types may draw other last bits."""
    for module in modules:
        for tensor in module.state_dict().values():
            sent = tensor.contiguous()
            distributed.broadcast(sent, 0)
            tensor.copy_(sent)


def leaders_bytes(content: bytes | None) -> bytes | None:
    """What the leading rank gives; of the others nothing is taken."""
    return _sent(content, 0)


def texts_of_all(text: str, world: World) -> list[str]:
    """What every rank gives, by rank."""
    return [(_sent(text.encode(), rank) or b"").decode() for rank in range(world.size)]


def _sent(content: bytes | None, source: int) -> bytes | None:
    size = torch.tensor(-1 if content is None else len(content))
    distributed.broadcast(size, source)
    if size < 0:
        return None
    received = np.empty(int(size), np.uint8)
    if content is not None and distributed.get_rank() == source:
        received[:] = np.frombuffer(content, np.uint8)
    for chunk in torch.split(torch.from_numpy(received), _CHUNK):
        distributed.broadcast(chunk, source)
    return received.tobytes()
