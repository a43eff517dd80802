"""The anomaly map as one linear operator: bilinear up-sampling and Gaussian smoothing in a pair of matrix products."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def anomaly_map_operator(size: int, grid: int, sigma: float) -> Tensor:
    """A, (size, grid) float32, so that the anomaly map of patch scores s is A s A^T.

    Both steps are linear and separable, so A is the images of the grid's unit vectors: bilinear up-sampling
    (align_corners False), then a Gaussian of `sigma` pixels cut at 4 sigma, the borders reflected. Sigma 0 smooths
    nothing.
    """
    unit = torch.eye(grid, dtype=torch.float64)[:, None]
    columns = F.interpolate(unit, size, mode="linear", align_corners=False)[:, 0]
    return (_gaussian_matrix(size, sigma) @ columns.T).float()


def smoothing_operator(size: int, sigma: float) -> Tensor:
    """G, (size, size) float32, so that G m G^T is the map m smoothed as `anomaly_map_operator` smooths."""
    return _gaussian_matrix(size, sigma).float()


def apply_operator(operator: Tensor, scores: Tensor) -> Tensor:
    """Maps (B, grid, grid) of any float type -> (B, size, size) float32, for an operator (size, grid).

    In float32 under autocast as well: bf16 would leave 8 bits of a map.
    """
    with torch.autocast(scores.device.type, enabled=False):
        return operator @ scores.float() @ operator.T


def _gaussian_matrix(size: int, sigma: float) -> Tensor:
    """(size, size) convolution matrix. Reflection repeats, so the kernel may be wider than the map."""
    if sigma == 0:
        return torch.eye(size, dtype=torch.float64)
    reach = int(4.0 * sigma + 0.5)
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    period = max(2 * (size - 1), 1)
    source = (torch.arange(size)[:, None] + offsets).remainder(period)
    source = torch.where(source >= size, period - source, source)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.scatter_add_(1, source, (weights / weights.sum()).expand(size, -1).contiguous())
