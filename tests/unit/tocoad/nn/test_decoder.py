"""Shapes, widths and the short cuts of the discriminative network."""

from __future__ import annotations

import pytest
import torch
from rounding import assert_same_in_double, sum_error
from torch import nn
from torch.nn import functional as F

from tocoad.nn.decoder import Discriminator, InverseBottleneck, seeded_init

LITE0 = {1: 24, 2: 40, 3: 112, 4: 320}
WIDE_RESNET = {1: 256, 2: 512, 3: 1024, 4: 2048}


def maps(channels: dict[int, int], size: int) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    side = {level: size // 2 ** (level + 1) for level in channels}
    return {level: torch.randn(2, c, side[level], side[level], generator=generator) for level, c in channels.items()}


@pytest.mark.parametrize("channels", [LITE0, WIDE_RESNET, {1: 256, 2: 512, 3: 1024}], ids=["lite0", "wrn50", "three"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_one_logit_a_pixel_for_any_backbone(channels: dict[int, int], blocks: int) -> None:
    assert Discriminator(channels, blocks)(maps(channels, 64), 64).shape == (2, 1, 64, 64)


def test_up_sampling_block_doubles_the_resolution() -> None:
    block = InverseBottleneck(320, 112, upsample=True)
    assert block(torch.randn(1, 320, 4, 4)).shape == (1, 112, 8, 8)


def test_logit_before_up_sampling_equals_logit_after() -> None:
    layer = nn.Conv2d(7, 1, 1).double()
    x = torch.randn(1, 7, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    cheap = F.interpolate(layer(x), size=32, mode="bilinear", align_corners=False)
    plain = layer(F.interpolate(x, size=32, mode="bilinear", align_corners=False))
    assert_same_in_double(cheap, plain)


def test_logits_are_up_sampled_as_torch_does() -> None:
    network = Discriminator(LITE0, 1).eval()
    small: list[torch.Tensor] = []
    network.logit.register_forward_hook(lambda _m, _i, y: small.append(y))
    with torch.no_grad():
        logits = network(maps(LITE0, 64), 64)
    expected = F.interpolate(small[0].double(), size=(64, 64), mode="bilinear", align_corners=False)
    # Two sums of 16 products, whose weights add up to 1, and the weights' own rounding.
    rounding = sum_error(2 * (16 + 1), float(expected.abs().max()))
    torch.testing.assert_close(logits.double(), expected, rtol=0, atol=rounding)


def test_every_skip_reaches_the_logits() -> None:
    network = Discriminator(LITE0, 1).eval()
    network.init_weights(0)
    inputs = {level: x.requires_grad_() for level, x in maps(LITE0, 64).items()}
    network(inputs, 64).square().sum().backward()
    for level, x in inputs.items():
        assert x.grad is not None and x.grad.abs().sum() > 0, level


def test_levels_with_a_gap_are_refused() -> None:
    with pytest.raises(ValueError, match="not consecutive"):
        Discriminator({1: 8, 3: 16}, 1)


def test_same_seed_same_weights_without_touching_the_global_generator() -> None:
    first, second, other = (Discriminator(LITE0, 1) for _ in range(3))
    before = torch.random.get_rng_state()
    first.init_weights(5)
    second.init_weights(5)
    other.init_weights(6)
    assert torch.equal(torch.random.get_rng_state(), before)
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(first.logit.weight, other.logit.weight)


def test_kaiming_fan_out_gives_the_expected_spread() -> None:
    layer = nn.Conv2d(64, 128, 3)
    seeded_init(layer, 0)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)


def test_d_starts_at_the_prior() -> None:
    network = Discriminator(LITE0, 1).train()
    network.init_weights(0)
    probability = torch.sigmoid(network(maps(LITE0, 64), 64))
    assert float(probability.mean().detach()) == pytest.approx(0.01, rel=0.1)
