"""ReContrast's loss: the cosine distance of whole maps, and the mining of hard normal points in its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tocoad.parallel.exchange import var_mean
from tocoad.parallel.world import current_world

_TINY = 1e-16  # a map of zeros is at distance 1 from every other


def reconstruction_loss(
    frozen: Mapping[int, Tensor],
    trained: Mapping[int, Tensor],
    of_frozen: Mapping[int, Tensor],
    of_trained: Mapping[int, Tensor],
    alpha: float,
) -> Tensor:
    """Half the sum over levels of both directions (methods.md: the loss and its mining; Guo et al. 2023, eq. 4 and 5).

    Args:
        frozen, trained: maps (B, C, H, W) by level of the two encoders, the targets; no gradient reaches them.
        of_frozen, of_trained: their reconstructions, each from the other encoder's code.
        alpha: as in `mined_cosine_loss`.

    Returns:
        Scalar in [0, 2L] for L levels.
    """
    terms = [mined_cosine_loss(frozen[level], of_frozen[level], alpha) for level in frozen]
    terms += [mined_cosine_loss(trained[level], of_trained[level], alpha) for level in trained]
    return 0.5 * torch.stack(terms).sum()


def mined_cosine_loss(target: Tensor, prediction: Tensor, alpha: float) -> Tensor:
    """Mean over images of 1 - cos of the flattened maps; easy points of `prediction` get no gradient.

    A point is easy where its own cosine distance is below mean + alpha * std, both over the whole batch and all
    positions. Only the gradient is masked: the value is the same for every alpha (methods.md: the loss and its mining).

    Args:
        target: (B, C, H, W); no gradient reaches it.
        prediction: (B, C, H, W).
        alpha: -3 mines nothing, 1 leaves the hardest sixth.

    Returns:
        Scalar in [0, 2].
    """
    loss: Tensor = _MinedCosine.apply(target.detach(), prediction, alpha)
    return loss


def hard_points(distance: Tensor, alpha: float) -> Tensor:
    """Cosine distances (B, H, W) -> bool: those that are at least mean + alpha * std of all, whoever has them."""
    if (world := current_world()).alone:
        return distance >= distance.mean() + alpha * distance.std(correction=0)
    variance, mean, _ = var_mean(distance, (0, 1, 2), world)
    return distance >= mean + alpha * variance.sqrt()


class _MinedCosine(torch.autograd.Function):
    """Both distances come out of the same sums, and the gradient is written out: fewer passes
    over the maps than torch's own cosine, twice (bench/recontrast.py).

    In float32 throughout: the sums are over a million products.
    """

    @staticmethod
    def forward(ctx: Any, target: Tensor, prediction: Tensor, alpha: float) -> Tensor:
        with torch.autocast(target.device.type, enabled=False):
            target, values = target.float(), prediction.float()
            product, of_target, of_prediction = (
                (a * b).sum(1) for a, b in ((target, values), (target, target), (values, values))
            )
            distance = 1 - product / (of_target.sqrt() * of_prediction.sqrt()).clamp_min(_TINY)
            whole, target_norm, norm = (
                product.sum((1, 2)),
                of_target.sum((1, 2)).sqrt(),
                of_prediction.sum((1, 2)).sqrt(),
            )
            cosine = whole / (target_norm * norm).clamp_min(_TINY)
        ctx.save_for_backward(target, prediction, hard_points(distance, alpha), cosine, target_norm, norm)
        return (1 - cosine).mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        target, prediction, hard, cosine, target_norm, norm = ctx.saved_tensors
        share = (gradient / len(cosine)) * hard.view(len(cosine), -1)
        of_prediction = (share * (cosine / norm.square().clamp_min(_TINY)).unsqueeze(1)).view(hard.shape).unsqueeze(1)
        of_target = (share / (target_norm * norm).clamp_min(_TINY).unsqueeze(1)).view(hard.shape).unsqueeze(1)
        return None, torch.addcmul(prediction * of_prediction, target, of_target, value=-1).to(prediction.dtype), None


def mining_alpha(step: int, iterations: int, ramp: float) -> float:
    """min(-3 + 4 step / (ramp T), 1) of the step (from 0): nothing is mined at first, then ever more.

    See methods.md: the loss and its mining.
    """
    if ramp == 0:
        return 1.0
    return min(-3 + 4 * step / (ramp * iterations), 1.0)
