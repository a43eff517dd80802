from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from rounding import sum_error
from scipy.ndimage import gaussian_filter
from torch import Tensor

from tocoad.scoring.anomaly_map import anomaly_map_operator, apply_operator


def draw(*shape: int, greatest: float = 1.0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * greatest


def rounding(grid: int, greatest: float) -> float:
    """Of two sums of `grid` products, whose weights are rounded themselves and add up to 1."""
    return sum_error(2 * (grid + 1), greatest)


def blur_2d(maps: Tensor, sigma: float) -> Tensor:
    """A whole 2-d kernel over reflected borders, as anomalib's GaussianBlur2d."""
    reach = (2 * int(4.0 * sigma + 0.5) + 1) // 2
    x = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = torch.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * sigma**2))
    padded = F.pad(maps[:, None].double(), (reach,) * 4, mode="reflect")
    return F.conv2d(padded, (kernel / kernel.sum())[None, None])[:, 0]


@pytest.mark.parametrize(("size", "grid"), [(64, 16), (96, 7)])
def test_the_operator_is_interpolation_and_blur(size: int, grid: int) -> None:
    scores = draw(3, grid, grid, greatest=10)
    maps = apply_operator(anomaly_map_operator(size, grid, sigma=4.0), scores)
    large = F.interpolate(scores[:, None].double(), size=(size, size), mode="bilinear", align_corners=False)[:, 0]
    assert maps.shape == (3, size, size)
    torch.testing.assert_close(maps.double(), blur_2d(large, 4.0), rtol=0, atol=rounding(grid, 10))


# The second kernel is wider than its map: the border is reflected more than once.
@pytest.mark.parametrize(("size", "grid"), [(256, 32), (8, 8)])
def test_the_blur_is_scipys(size: int, grid: int) -> None:
    scores = draw(1, grid, grid, greatest=10)
    maps = apply_operator(anomaly_map_operator(size, grid, sigma=4.0), scores)
    large = F.interpolate(scores[:, None].double(), size=(size, size), mode="bilinear", align_corners=False)[0, 0]
    expected = torch.from_numpy(gaussian_filter(large.numpy(), 4.0, mode="mirror", truncate=4.0))
    torch.testing.assert_close(maps[0].double(), expected, rtol=0, atol=rounding(grid, 10))


def test_sigma_zero_leaves_the_interpolation() -> None:
    scores = draw(2, 4, 4)
    maps = apply_operator(anomaly_map_operator(16, 4, sigma=0.0), scores)
    expected = F.interpolate(scores[:, None].double(), size=(16, 16), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(maps.double(), expected, rtol=0, atol=rounding(4, 1))


def test_an_image_has_the_same_map_in_any_batch_but_for_rounding() -> None:
    """Whoever promises the same bytes goes image by image: a product of another shape may add in another order."""
    operator, scores = anomaly_map_operator(256, 32, 4.0), draw(16, 32, 32)
    together = apply_operator(operator, scores)
    for batch in (1, 3):
        parts = torch.cat([apply_operator(operator, part) for part in scores.split(batch)])
        torch.testing.assert_close(parts, together, rtol=0, atol=2 * rounding(32, 1))
