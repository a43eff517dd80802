"""The clamped batch norm against the arithmetic written out, and in the place of the encoder's own."""

from __future__ import annotations

import torch
from rounding import sum_error
from timm.layers.norm_act import BatchNormAct2d
from torch import nn

from tocoad.nn.clamped_norm import EPS, VARIANCE_MIN, ClampedBatchNorm2d, clamp_batch_norms
from tocoad.nn.encoder import build_encoder
from tocoad.settings.sections import EncoderSettings


def norm() -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(3)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([1.0, 2.0, 0.5]))
        made.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
        assert made.running_var is not None
        made.running_var.copy_(torch.tensor([1.0, 1e-4, 1.0]))
    return made


NUMBERS = 4 * 6 * 6
"""Of a channel in a batch: its mean and its variance are sums of as many."""


def batch(*scales: float) -> torch.Tensor:
    x = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return x * torch.tensor(scales).view(1, -1, 1, 1) + 2


def test_a_dead_channel_is_divided_by_the_minimum_and_a_live_one_by_its_own_variance() -> None:
    made = ClampedBatchNorm2d(norm()).train()
    x = batch(1.0, 1e-3, 1e-3)
    y = made(x)
    exact = x.double()
    own = exact.var((0, 2, 3), correction=0)
    # Channel 1: below its pretrained variance 1e-4; channel 2: below 5e-4.
    assert own[1] < 1e-4 and own[2] < VARIANCE_MIN < own[0]
    used = torch.tensor([float(own[0]), 1e-4, VARIANCE_MIN], dtype=torch.float64)
    scale, shift = torch.tensor([1.0, 2.0, 0.5]) / (used + EPS).sqrt(), torch.tensor([0.0, 1.0, -1.0])
    for channel in range(3):
        expected = (exact[:, channel] - exact[:, channel].mean()) * scale[channel] + shift[channel]
        # Image and mean are near 2, far more than their difference, and are multiplied before they are subtracted.
        rounding = sum_error(NUMBERS + 4, float(exact[:, channel].abs().max() * scale[channel]))
        torch.testing.assert_close(y[:, channel].double(), expected, rtol=0, atol=rounding)


def test_no_gradient_flows_through_a_clamped_variance() -> None:
    made = ClampedBatchNorm2d(norm()).train()
    x = batch(1.0, 1e-4, 1e-4).requires_grad_()
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    (made(x) * weights).sum().backward()
    assert x.grad is not None
    # With a fixed divisor the gradient is the centred weights over it.
    centred, factor = weights[:, 2] - weights[:, 2].mean(), 0.5 / (VARIANCE_MIN + EPS) ** 0.5
    rounding = sum_error(2 * NUMBERS, factor * float(weights.abs().max()))
    torch.testing.assert_close(x.grad[:, 2], centred * factor, rtol=0, atol=rounding)


def test_the_running_statistics_follow_the_clamped_variance_and_serve_in_eval_mode() -> None:
    source = norm()
    made = ClampedBatchNorm2d(source).train()
    x = batch(1.0, 1e-3, 1e-3)
    for _ in range(200):
        made(x)
    own = x.var((0, 2, 3), correction=0)
    expected = torch.stack([own[0], torch.tensor(1e-4), torch.tensor(VARIANCE_MIN)])
    # At a tenth of the way a step, the roundings of about ten steps are in it.
    torch.testing.assert_close(made.running_var, expected, rtol=sum_error(2 * NUMBERS + 2 * 10), atol=1e-8)
    plain = nn.BatchNorm2d(3, eps=EPS).eval()
    plain.load_state_dict(made.state_dict())
    torch.testing.assert_close(made.eval()(x), plain(x))


def test_the_activation_of_timms_norm_is_kept() -> None:
    made = ClampedBatchNorm2d(BatchNormAct2d(3)).train()
    assert float(made(batch(1.0, 1.0, 1.0)).detach().min()) == 0.0


def test_an_encoder_keeps_the_names_of_its_tensors() -> None:
    encoder = build_encoder(EncoderSettings(name="tf_efficientnet_lite0", weights="none"), (1, 2, 3))
    names = list(encoder.state_dict())
    x = torch.randn(2, 3, 64, 64)
    before = encoder(x)[3]
    clamp_batch_norms(encoder)
    assert sorted(encoder.state_dict()) == sorted(names)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    assert encoder(x)[3].shape == before.shape
