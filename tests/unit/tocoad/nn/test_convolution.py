"""The convolutions that stand for slow ones, against those."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from tocoad.nn.convolution import SlimConv2d, is_slow, replace_slow


def same(size: int, groups: int, channels: int = 8, bias: bool = True) -> nn.Conv2d:
    return Conv2dSame(channels, channels, size, stride=2, groups=groups, bias=bias)


def plain(size: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(8, 8, size, stride=stride, padding=size // 2, groups=8)


@pytest.mark.parametrize("side", [(16, 16), (16, 15), (7, 8), (9, 13)], ids=str)
@pytest.mark.parametrize(
    "convolution",
    [same(3, 8), same(5, 8), same(7, 8), same(3, 1), same(5, 8, bias=False), plain(5, 1), plain(7, 2)],
    ids=["same3", "same5", "same7", "stem", "no bias", "plain5", "plain7"],
)
def test_values_and_gradients_are_those_of_the_convolution(convolution: nn.Conv2d, side: tuple[int, int]) -> None:
    assert is_slow(convolution)
    convolution = convolution.double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 8, *side, generator=generator, dtype=torch.float64).requires_grad_()
    expected = convolution(x)
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    inputs = [x, *convolution.parameters()]
    result = SlimConv2d(convolution)(x)
    torch.testing.assert_close(result, expected)
    for a, b in zip(
        torch.autograd.grad(result, inputs, weights), torch.autograd.grad(expected, inputs, weights), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 5, padding=2),
        nn.Conv2d(8, 8, 5, padding=2, groups=4),
        nn.Conv2d(8, 8, 5, padding=4, groups=8, dilation=2),
        nn.Conv2d(8, 8, 5, padding="same", groups=8),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, padding_mode="reflect"),
        nn.Conv2d(8, 16, 5, padding=2, groups=8),
        nn.Conv2d(8, 8, (5, 1), groups=8),
        Conv2dSame(8, 8, 4, stride=2),
        Conv2dSame(8, 8, 3, stride=3),
        nn.ReLU(),
    ],
    ids=str,
)
def test_others_are_left_to_torch(convolution: nn.Module) -> None:
    assert not is_slow(convolution)


def test_a_frozen_input_and_a_frozen_weight_get_no_gradient() -> None:
    layer = SlimConv2d(plain(5, 1))
    layer(torch.randn(2, 8, 8, 8)).sum().backward()
    assert layer.weight.grad is not None
    layer.requires_grad_(False)
    x = torch.randn(2, 8, 8, 8, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None


def test_names_of_parameters_stay() -> None:
    network: Any = nn.Sequential(nn.Conv2d(3, 8, 1), same(5, 8))
    before = {name: id(parameter) for name, parameter in network.named_parameters()}
    replace_slow(network)
    assert isinstance(network[1], SlimConv2d)
    assert {name: id(parameter) for name, parameter in network.named_parameters()} == before
