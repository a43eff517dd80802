"""The patch-shaped mask sources: rectangle, scar, NSA."""

from __future__ import annotations

import cv2
import numpy as np

from tocoad.synthesis.nsa import nsa_mask, patch_count
from tocoad.synthesis.placement import bounding_box
from tocoad.synthesis.rectangle import rectangle_mask
from tocoad.synthesis.scar import scar_mask


def test_rectangles_are_filled_cover_2_to_15_percent_and_lie_or_stand() -> None:
    rng = np.random.default_rng(0)
    aspects = []
    for _ in range(300):
        mask = rectangle_mask(rng, 256)
        _, _, height, width = bounding_box(mask)
        assert mask.sum() == height * width
        assert 0.0195 < mask.mean() < 0.1525
        aspects.append(width / height)
    assert 0.28 < min(aspects) < 0.4
    assert 2.6 < max(aspects) < 3.4
    assert 100 < np.count_nonzero(np.array(aspects) < 1) < 200


def test_scars_are_2_to_16_wide_10_to_25_long_and_turned_by_45_degrees_at_most() -> None:
    rng = np.random.default_rng(0)
    turned = []
    for _ in range(300):
        mask = scar_mask(rng, 256)
        (_, _), sides, _ = cv2.minAreaRect(np.argwhere(mask)[:, ::-1].astype(np.int32))
        # The rectangle around the pixels' centres lies within one pixel of the scar on either side.
        assert min(sides) <= 16.0
        assert 8.0 <= max(sides) <= 25.0
        if max(sides) > 2 * min(sides):
            points = np.argwhere(mask) - np.argwhere(mask).mean(axis=0)
            down, across = np.linalg.svd(points, full_matrices=False)[2][0]
            turned.append(abs(np.degrees(np.arctan2(across, down))) % 180)
    angles = np.minimum(turned, 180 - np.array(turned))
    assert angles.max() < 50
    assert angles.max() > 35


def test_scars_shrink_with_the_image_and_never_vanish() -> None:
    rng = np.random.default_rng(0)
    areas = [scar_mask(rng, 32).sum() for _ in range(200)]
    assert min(areas) >= 1
    assert max(areas) <= 3 * 4


def test_nsa_half_widths_follow_gamma_2_005_plus_003() -> None:
    rng = np.random.default_rng(0)
    halves = []
    while len(halves) < 2000:
        top, left, height, width = bounding_box(nsa_mask(rng, 256))
        if top > 0 and left > 0 and top + height < 256 and left + width < 256:
            halves.append(min(height, width) / 512)
    # The smaller of the two, of patches that lie wholly inside: between the shift and the distribution's mean 0.13.
    assert min(halves) >= 0.03 - 1 / 256
    assert 0.06 < np.mean(halves) < 0.13


def test_nsa_patches_are_one_to_four_and_two_and_a_half_on_average() -> None:
    rng = np.random.default_rng(0)
    counts = [patch_count(rng) for _ in range(2000)]
    assert set(counts) == {1, 2, 3, 4}
    assert abs(np.mean(counts) - 2.5) < 0.1


def test_nsa_patches_at_the_image_border_are_cut_not_lost() -> None:
    rng = np.random.default_rng(0)
    masks = [nsa_mask(rng, 64) for _ in range(500)]
    assert all(mask.any() for mask in masks)
    assert any(mask[0].any() for mask in masks)
    assert any(mask[:, -1].any() for mask in masks)
