"""The terms of ToCoAD's second stage: SimSiam positives, guided negatives, and the anchor (methods.md: stage 2)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from tocoad.parallel.exchange import var_mean
from tocoad.parallel.world import current_world


def positive_loss(p1: Tensor, z2: Tensor, p2: Tensor, z1: Tensor) -> Tensor:
    """Symmetric negative cosine, per position (SimSiam, Chen & He 2021, eq. 2), gradient stopped at the targets.

    Args:
        p1, p2: (B, C, H, W) predictions of the two views.
        z1, z2: (B, C, H, W) projections of the two views.

    Returns:
        Scalar in [-1, 1]: the mean over positions and batch; -1 where the views agree.
    """
    first = _cosine(p1, z2.detach()).mean()
    second = _cosine(p2, z1.detach()).mean()
    return -0.5 * (first + second)


def negative_loss(p_anomalous: Tensor, z_normal: Tensor, weight: Tensor, margin: float = 0.0) -> Tensor:
    """Pushes anomalous positions away from the normal features of the same place.

    Args:
        p_anomalous: (B, C, H, W) predictions of the synthetic anomaly x_g.
        z_normal: (B, C, H, W) projections of the normal image it was made from; no gradient reaches them.
        weight: (B, H, W) in [0, 1], how anomalous the position is; no gradient reaches it.
        margin: cosine similarities below it cost nothing.

    Returns:
        Scalar >= 0: the mean over positions and batch of w relu(cos - margin).
    """
    similarity = _cosine(p_anomalous, z_normal.detach())
    return (weight.detach() * F.relu(similarity - margin)).mean()


def anchor_loss(features: Tensor, frozen: Tensor) -> Tensor:
    """Mean over positions of 1 - cos(F_l(x), F0_l(x)): how far the encoder has left the pretrained one.

    Args:
        features: (B, C, H, W) of the trained encoder.
        frozen: (B, C, H, W) of the pretrained one; no gradient reaches it.
    """
    return (1 - _cosine(features, frozen.detach())).mean()


def collapse_indicator(z: Tensor) -> float:
    """Std of the whole batch's L2-normalised projections, averaged over channels; far below 1/sqrt(C) says collapse
    (SimSiam 4.1).

    Args:
        z: (B, C, H, W).
    """
    flat = F.normalize(z.detach().float(), dim=1).movedim(1, -1).flatten(0, -2)
    if (world := current_world()).alone:
        return float(flat.std(dim=0).mean())
    variance, _, count = var_mean(flat, (0,), world)
    return float((variance * (count / (count - 1))).sqrt().mean())


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """(B, C, H, W) each -> (B, H, W), float32 under autocast as well: bf16 would leave 8 bits of it."""
    return F.cosine_similarity(a.float(), b.float(), dim=1)
