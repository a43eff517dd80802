"""Patch features: locally averaged maps of several levels, joined on the shallowest grid."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor

_MOST_WINDOWS = 32  # of a period: more slices than this cost more than they save


def patch_features(maps: Mapping[int, Tensor], pooled_width: int) -> Tensor:
    """{level: (B, C, H, W)} -> (B, h, w, D), float32, h and w those of the shallowest level; PatchCore section 3.1.

    Each level is averaged over 3x3 neighbourhoods (zeros beyond the border count, as in anomalib) and brought to the
    common grid; the levels are joined and, where wider than `pooled_width`, averaged down to it.
    """
    levels = [F.avg_pool2d(maps[level].float(), kernel_size=3, stride=1, padding=1) for level in sorted(maps)]
    grid = levels[0].shape[-2:]
    on_grid = [levels[0], *(F.interpolate(m, grid, mode="bilinear", align_corners=False) for m in levels[1:])]
    joined = torch.cat(on_grid, dim=1).permute(0, 2, 3, 1)
    if joined.shape[-1] <= pooled_width:
        return joined.contiguous()
    return _averaged(joined, pooled_width)


def _averaged(patches: Tensor, width: int) -> Tensor:
    """(..., C) -> (..., width), the means of `adaptive_avg_pool1d`, on a CPU in half of its time.

    The windows repeat after `period` channels, so window i of every period is a sum of a few strided slices.
    """
    groups = gcd(patches.shape[-1], width)
    period, windows = patches.shape[-1] // groups, width // groups
    if windows > _MOST_WINDOWS:
        return F.adaptive_avg_pool1d(patches.flatten(0, -2), width).reshape(*patches.shape[:-1], width)
    parts = patches.reshape(*patches.shape[:-1], groups, period)
    means = []
    for i in range(windows):
        first, end = i * period // windows, -(-(i + 1) * period // windows)
        means.append(reduce(torch.add, parts[..., first:end].unbind(-1)) / (end - first))
    return torch.stack(means, dim=-1).flatten(-2)
