"""The focal loss against its formula written out pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tocoad.losses.focal import anomaly_probability, focal_loss


def by_hand(logits: torch.Tensor, target: torch.Tensor, alpha: float, gamma: float) -> float:
    total = 0.0
    for logit, y in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        p_t, a_t = (p, alpha) if y else (1 - p, 1 - alpha)
        total += -a_t * (1 - p_t) ** gamma * math.log(p_t)
    return total / logits.numel()


@pytest.mark.parametrize(("alpha", "gamma"), [(0.5, 2.0), (0.25, 2.0), (0.5, 0.0), (0.9, 1.5)])
def test_equals_the_formula(alpha: float, gamma: float) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 1, 5, 7, generator=generator, dtype=torch.float64) * 3
    target = (torch.rand(2, 1, 5, 7, generator=generator) > 0.6).double()
    assert float(focal_loss(logits, target, alpha, gamma)) == pytest.approx(
        by_hand(logits, target, alpha, gamma), rel=1e-12
    )


def test_gamma_zero_and_even_weights_are_half_the_cross_entropy() -> None:
    logits, target = torch.tensor([[[[2.0, -1.0]]]]), torch.tensor([[[[1.0, 1.0]]]])
    expected = 0.5 * F.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(focal_loss(logits, target, 0.5, 0.0), expected)


def test_gradient_is_that_of_finite_differences() -> None:
    logits = torch.tensor([[[[0.3, -2.0, 4.0]]]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[[[1.0, 0.0, 0.0]]]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, target), (logits,))


def test_stays_finite_where_the_network_is_certain() -> None:
    logits = torch.tensor([[[[80.0, -80.0]]]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[[[1.0, 1.0]]]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_probability_is_one_half_at_logit_zero() -> None:
    assert float(anomaly_probability(torch.zeros(1))) == 0.5
