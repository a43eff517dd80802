"""Patch features: locally averaged maps of several levels, joined on the shallowest grid."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


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
    batch, height, width, channels = joined.shape
    pooled = F.adaptive_avg_pool1d(joined.reshape(batch, height * width, channels), pooled_width)
    return pooled.reshape(batch, height, width, pooled_width)
