from __future__ import annotations

import pytest
import torch
from rounding import UNIT, sum_error
from torch import Tensor
from torch.nn import AvgPool2d
from torch.nn.functional import adaptive_avg_pool1d

from tocoad.scoring.patches import patch_features


def draw(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_a_patch_is_the_mean_of_its_neighbourhood_with_zeros_beyond_the_border() -> None:
    ramp = torch.arange(9.0).reshape(1, 1, 3, 3)
    patches = patch_features({2: ramp}, pooled_width=1024)
    assert patches.shape == (1, 3, 3, 1)
    assert patches[0, 1, 1, 0] == 4  # mean of 0..8
    torch.testing.assert_close(patches[0, 0, 0, 0], torch.tensor((0 + 1 + 3 + 4) / 9))


def test_deeper_levels_are_brought_to_the_shallowest_grid_by_bilinear_weights() -> None:
    shallow, deep = draw(2, 3, 4, 4), draw(2, 5, 2, 2)
    patches = patch_features({3: deep, 2: shallow}, pooled_width=1024)
    assert patches.shape == (2, 4, 4, 8)
    pooled = AvgPool2d(3, 1, 1)(deep)
    torch.testing.assert_close(patches[..., :3], AvgPool2d(3, 1, 1)(shallow).permute(0, 2, 3, 1))
    torch.testing.assert_close(patches[:, 0, 0, 3:], pooled[:, :, 0, 0])  # beyond the first centre the value is kept
    # Position 1 of 4 lies at (1 + 0.5) / 2 - 0.5 = 0.25 of 2: 3/4 of the first, 1/4 of the second.
    torch.testing.assert_close(patches[:, 1, 0, 3:], 0.75 * pooled[:, :, 0, 0] + 0.25 * pooled[:, :, 1, 0])


def test_wide_features_are_averaged_to_the_pooled_width() -> None:
    maps = {1: torch.arange(6.0).reshape(1, 6, 1, 1).expand(1, 6, 3, 3)}
    centre = patch_features(maps, pooled_width=3)[0, 1, 1]
    torch.testing.assert_close(centre, torch.tensor([0.5, 2.5, 4.5]))
    assert patch_features(maps, pooled_width=6).shape[-1] == 6


@pytest.mark.parametrize(("channels", "width"), [(1536, 1024), (96, 48), (40, 25), (41, 40), (7, 3)])
def test_the_average_is_torchs(channels: int, width: int) -> None:
    maps = {1: draw(2, channels, 4, 4)}
    patches = patch_features(maps, pooled_width=channels)
    pooled = adaptive_avg_pool1d(patches.flatten(1, 2), width).view(2, 4, 4, width)
    window = -(-channels // width) + 1  # at most; two sums of as many, each divided
    rounding = 2 * (sum_error(window) + UNIT)
    torch.testing.assert_close(patch_features(maps, pooled_width=width), pooled, rtol=rounding, atol=0)


def test_half_precision_maps_give_float32_patches() -> None:
    assert patch_features({1: torch.rand(1, 2, 4, 4).bfloat16()}, pooled_width=8).dtype == torch.float32


def test_an_image_has_the_same_patches_in_any_batch_but_for_rounding() -> None:
    """Whoever promises the same bytes goes image by image."""
    maps = {2: draw(5, 40, 16, 16), 3: draw(5, 112, 8, 8)}
    together = patch_features(maps, pooled_width=1024)
    alone = [patch_features({level: m[i : i + 1] for level, m in maps.items()}, pooled_width=1024) for i in range(5)]
    # Means of 9, and of 4 of those; twice.
    torch.testing.assert_close(torch.cat(alone), together, rtol=2 * sum_error(9 + 1 + 4 + 4), atol=0)
