"""Pixel-wise focal loss (methods.md: stage 1; Lin et al. 2017, eq. 5)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def focal_loss(logits: Tensor, target: Tensor, alpha: float = 0.5, gamma: float = 2.0) -> Tensor:
    """Mean over all pixels of -a_t (1 - p_t)^gamma log p_t.

    Args:
        logits: (B, 1, H, W), before the sigmoid; p is the probability that the pixel is anomalous.
        target: (B, 1, H, W), 1 where the pixel is anomalous.
        alpha: weight of the anomalous pixels; the normal ones weigh 1 - alpha.
        gamma: 0 gives the weighted cross-entropy.

    Returns:
        Scalar.
    """
    target = target.to(logits.dtype)
    wrong = logits * (1 - 2 * target)  # 1 - p_t is its sigmoid
    alpha_t = (1 - alpha) + (2 * alpha - 1) * target
    return (-alpha_t * torch.sigmoid(wrong).pow(gamma) * F.logsigmoid(-wrong)).mean()


def anomaly_probability(logits: Tensor) -> Tensor:
    """Same shape, in [0, 1]."""
    return torch.sigmoid(logits)
