"""The contrastive terms against numpy, and who gets gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rounding import sum_error

from tocoad.losses.contrastive import anchor_loss, collapse_indicator, negative_loss, positive_loss

# Of cosines of 6 numbers, and of their means over 24 places: three sums of products, a division, a sum.
ROUNDING = sum_error(3 * 6 + 2 + 24)


def random_maps(count: int, requires_grad: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    return [torch.randn(2, 6, 3, 4, generator=generator).requires_grad_(requires_grad) for _ in range(count)]


def cosine(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    x, y = a.detach().double().numpy(), b.detach().double().numpy()
    return (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))


def test_positive_is_the_symmetric_negative_cosine() -> None:
    p1, z2, p2, z1 = random_maps(4)
    expected = -0.5 * cosine(p1, z2).mean() - 0.5 * cosine(p2, z1).mean()
    assert float(positive_loss(p1, z2, p2, z1)) == pytest.approx(expected, abs=ROUNDING)


def test_positive_is_minus_one_where_the_views_agree() -> None:
    (p,) = random_maps(1)
    assert float(positive_loss(p, 3 * p, p, p)) == pytest.approx(-1, abs=ROUNDING)


def test_positive_stops_the_gradient_at_the_targets() -> None:
    p1, z2, p2, z1 = random_maps(4, requires_grad=True)
    positive_loss(p1, z2, p2, z1).backward()
    assert z1.grad is None and z2.grad is None
    assert p1.grad is not None and p1.grad.abs().sum() > 0
    assert p2.grad is not None and p2.grad.abs().sum() > 0


def test_maps_in_bf16_are_compared_in_float32() -> None:
    p1, z2, p2, z1 = (x.bfloat16() for x in random_maps(4))
    expected = -0.5 * cosine(p1, z2).mean() - 0.5 * cosine(p2, z1).mean()
    weight = torch.ones(2, 3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(positive_loss(p1, z2, p2, z1)) == pytest.approx(expected, abs=ROUNDING)
        assert float(anchor_loss(p1, p2)) == pytest.approx(1 - cosine(p1, p2).mean(), abs=ROUNDING)
        assert float(negative_loss(p1, z2, weight)) == pytest.approx(np.maximum(cosine(p1, z2), 0).mean(), abs=ROUNDING)
        unit = p1.double() / p1.double().norm(dim=1, keepdim=True)
        spread = unit.movedim(1, -1).flatten(0, -2).std(0).mean()
        assert collapse_indicator(p1) == pytest.approx(float(spread), abs=ROUNDING)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_negative_weighs_the_similarity_above_the_margin(margin: float) -> None:
    p, z = random_maps(2)
    weight = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(2))
    expected = (weight.numpy() * np.maximum(cosine(p, z) - margin, 0)).mean()
    assert float(negative_loss(p, z, weight, margin)) == pytest.approx(expected, abs=ROUNDING)


def test_negative_gives_gradient_to_the_anomalous_prediction_alone() -> None:
    p, z = random_maps(2, requires_grad=True)
    weight = torch.ones(2, 3, 4, requires_grad=True)
    negative_loss(p, z, weight).backward()
    assert z.grad is None and weight.grad is None
    assert p.grad is not None and p.grad.abs().sum() > 0


def test_anchor_is_zero_for_the_same_direction_and_two_for_the_opposite() -> None:
    (x,) = random_maps(1)
    assert float(anchor_loss(x, 5 * x)) == pytest.approx(0, abs=ROUNDING)
    assert float(anchor_loss(x, -x)) == pytest.approx(2, abs=ROUNDING)


def test_collapse_indicator_tells_spread_from_collapse() -> None:
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(8, 64, 8, 8, generator=generator)
    assert collapse_indicator(spread) == pytest.approx(1 / 8, rel=0.02)  # 1 / sqrt(64)
    assert collapse_indicator(torch.ones(8, 64, 8, 8)) == pytest.approx(0, abs=ROUNDING)
