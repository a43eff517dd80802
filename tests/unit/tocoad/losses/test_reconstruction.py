"""The loss against torch's own cosine in float64, the mining mask against a case worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from rounding import sum_error
from torch import Tensor
from torch.nn import functional as F

from tocoad.losses.reconstruction import hard_points, mined_cosine_loss, mining_alpha, reconstruction_loss

# Of a cosine of whole maps, three sums of at most 7 x 8 x 8 products, relative to a distance that is near 1.
ROUNDING = sum_error(3 * 7 * 8 * 8)
ALL = -100.0  # so low a threshold that every point keeps its gradient


def pair(seed: int = 0, size: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(3, 7, size, size, generator=generator) for _ in range(2))
    return first, second.requires_grad_()


def value(loss: Tensor) -> float:
    return float(loss.detach())


def plain(target: Tensor, prediction: Tensor) -> Tensor:
    return (1 - F.cosine_similarity(target.double().flatten(1), prediction.double().flatten(1))).mean()


def test_the_value_is_the_mean_cosine_distance_of_whole_maps() -> None:
    target, prediction = pair()
    assert value(mined_cosine_loss(target, prediction, 0.0)) == pytest.approx(
        value(plain(target, prediction)), rel=ROUNDING
    )
    # Not the mean over points: one long vector an image.
    by_point = (1 - F.cosine_similarity(target, prediction, dim=1)).mean()
    assert abs(value(by_point) - value(plain(target, prediction))) > 1e-3


def test_without_mining_the_gradient_is_that_of_the_value() -> None:
    target, prediction = pair()
    mined_cosine_loss(target, prediction, ALL).backward()
    (expected,) = torch.autograd.grad(plain(target, prediction), prediction)
    torch.testing.assert_close(prediction.grad, expected, rtol=0, atol=ROUNDING * float(expected.abs().max()))


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 1.0])
def test_mining_zeroes_the_gradient_of_easy_points_and_no_other(alpha: float) -> None:
    target, prediction = pair()
    mined_cosine_loss(target, prediction, alpha).backward()
    (unmined,) = torch.autograd.grad(plain(target, prediction), prediction)
    distance = 1 - F.cosine_similarity(target.double(), prediction.detach().double(), dim=1)
    limit = distance.mean() + alpha * math.sqrt(float(((distance - distance.mean()) ** 2).mean()))
    expected = torch.where((distance < limit)[:, None], 0.0, unmined.double())
    assert 0 < int((distance < limit).sum()) < distance.numel()
    assert float((distance - limit).abs().min()) > ROUNDING  # float32 puts no point on the other side
    assert prediction.grad is not None
    atol = ROUNDING * float(expected.abs().max())
    torch.testing.assert_close(prediction.grad.double(), expected, rtol=0, atol=atol)


def test_the_value_does_not_depend_on_mining() -> None:
    target, prediction = pair()
    values = {value(mined_cosine_loss(target, prediction, alpha)) for alpha in (-3.0, 0.0, 1.0, 5.0)}
    assert len(values) == 1


def test_the_mask_of_four_points_worked_out_by_hand() -> None:
    # Distances 0, 0, 0, 2: mean 0.5, std sqrt(0.75) = 0.866 over all four points of both images.
    distance = torch.tensor([[[0.0, 0.0]], [[0.0, 2.0]]])
    assert hard_points(distance, 1.0).tolist() == [[[False, False]], [[False, True]]]  # 2 >= 1.366
    assert hard_points(distance, -0.5).tolist() == [[[False, False]], [[False, True]]]  # 0 < 0.067
    assert hard_points(distance, -0.6).tolist() == [[[True, True]], [[True, True]]]  # 0 >= -0.02
    assert hard_points(distance, 2.0).tolist() == [[[False, False]], [[False, False]]]  # 2 < 2.232


def test_the_mask_reaches_the_gradient_of_the_hand_worked_case() -> None:
    # Two images of two points and two channels: the second point of the second image points the other way.
    target = torch.tensor([[[[1.0, 1.0]], [[0.0, 0.0]]], [[[1.0, 1.0]], [[0.0, 0.0]]]])
    prediction = torch.tensor([[[[2.0, 2.0]], [[0.0, 0.0]]], [[[2.0, -1.0]], [[0.0, 0.0]]]], requires_grad=True)
    loss = mined_cosine_loss(target, prediction, 1.0)
    # Image 1: cos 1. Image 2: (2 - 1) / (sqrt 2 sqrt 5).
    cosine = 1 / math.sqrt(10)
    assert value(loss) == pytest.approx((1 - cosine) / 2)
    loss.backward()
    assert prediction.grad is not None
    kept = prediction.grad[1, :, 0, 1]
    # d(-cos)/dr = -(t / (|t||r|) - cos r / |r|^2), halved by the mean over two images.
    expected = -0.5 * (1 / math.sqrt(10) - cosine * -1 / 5)
    assert kept.tolist() == pytest.approx([expected, 0.0])
    assert int((prediction.grad != 0).sum()) == 1


def test_no_gradient_reaches_the_target() -> None:
    target, prediction = pair()
    target.requires_grad_()
    mined_cosine_loss(target, prediction, 0.0).backward()
    assert target.grad is None


def test_half_the_sum_over_levels_and_directions() -> None:
    pairs = [pair(seed, size) for seed, size in ((1, 8), (2, 4), (3, 8), (4, 4))]
    loss = reconstruction_loss(
        {1: pairs[0][0], 2: pairs[1][0]},
        {1: pairs[2][0], 2: pairs[3][0]},
        {1: pairs[0][1], 2: pairs[1][1]},
        {1: pairs[2][1], 2: pairs[3][1]},
        0.5,
    )
    assert value(loss) == pytest.approx(0.5 * sum(value(plain(t, r)) for t, r in pairs), rel=ROUNDING)


def test_a_map_of_zeros_is_at_distance_one_and_its_gradient_finite() -> None:
    target, prediction = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2, requires_grad=True)
    loss = mined_cosine_loss(target, prediction, ALL)
    loss.backward()
    assert value(loss) == 1.0
    assert prediction.grad is not None and torch.isfinite(prediction.grad).all()


def test_autocast_changes_the_type_of_the_gradient_alone() -> None:
    target, prediction = pair()
    rounded = prediction.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = mined_cosine_loss(target.bfloat16(), rounded, 0.0)
    assert loss.dtype == torch.float32
    assert value(loss) == pytest.approx(value(plain(target.bfloat16(), rounded)), rel=ROUNDING)
    loss.backward()
    assert rounded.grad is not None and rounded.grad.dtype == torch.bfloat16


@pytest.mark.parametrize(("step", "expected"), [(0, -3.0), (50, -2.0), (100, -1.0), (200, 1.0), (1999, 1.0)])
def test_alpha_climbs_over_a_tenth_of_the_iterations(step: int, expected: float) -> None:
    assert mining_alpha(step, 2000, 0.1) == pytest.approx(expected)


def test_a_longer_ramp_and_none() -> None:
    assert mining_alpha(200, 2000, 0.2) == pytest.approx(-1.0)
    assert mining_alpha(0, 2000, 0.0) == 1.0
