"""One number for an image: maximum or mean of its map, or the mean of its highest part; PatchCore's re-weighting."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tocoad.settings.sections import ImageScore


def image_score(maps: Tensor, rule: ImageScore, top_percent: float) -> Tensor:
    """(B, ...) -> (B,); `top_percent` is for the rule `top_mean` alone."""
    if rule == "top_mean":
        return top_mean_score(maps, top_percent)
    return maps.flatten(1).mean(1) if rule == "mean" else max_score(maps)


def max_score(maps: Tensor) -> Tensor:
    """(B, ...) -> (B,)."""
    return maps.flatten(1).amax(1)


def top_mean_score(maps: Tensor, percent: float) -> Tensor:
    """(B, ...) -> (B,): mean of the highest `percent` of the values, of one value at least."""
    values = maps.flatten(1)
    count = max(1, math.floor(values.shape[1] * percent / 100))
    return values.topk(count, dim=1).values.mean(1)


def reweighted_score(distance: Tensor, neighbour_distances: Tensor) -> Tensor:
    """s = (1 - exp d(m, m*) / sum_b exp d(m, m_b)) s*, PatchCore equation 7; (B,).

    `distance` (B,) is s*, from the image's most anomalous patch m to its nearest bank vector m*; `neighbour_distances`
    (B, b) are those from m to the b bank vectors nearest to m*, m* itself first. A score shrinks where m* is alone.
    """
    return (1 - torch.softmax(neighbour_distances, dim=1)[:, 0]) * distance
