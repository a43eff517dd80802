from __future__ import annotations

import numpy as np

from tocoad.synthesis.placement import bounding_box, centre_on, place, random_pixel


def box(size: int, top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def test_bounding_box_is_top_left_height_width() -> None:
    assert bounding_box(box(20, 3, 5, 7, 2)) == (3, 5, 7, 2)
    assert bounding_box(np.zeros((4, 4), dtype=np.bool_)) == (0, 0, 0, 0)


def test_centre_on_moves_the_shape_unchanged() -> None:
    shape = box(20, 1, 1, 4, 4)
    shape[1, 1] = False
    moved = centre_on(shape, 12, 10)
    assert bounding_box(moved) == (10, 8, 4, 4)
    assert np.array_equal(moved[10:14, 8:12], shape[1:5, 1:5])


def test_centre_on_cuts_off_what_leaves_the_image() -> None:
    moved = centre_on(box(20, 5, 5, 6, 6), 0, 19)
    assert bounding_box(moved) == (0, 16, 3, 4)


def test_a_patch_lands_on_a_large_object_with_half_of_it_at_least() -> None:
    foreground = box(64, 10, 30, 30, 30)
    for seed in range(50):
        placed = place(np.random.default_rng(seed), box(64, 50, 0, 8, 12), foreground)
        assert (placed & foreground).sum() >= 0.5 * placed.sum() > 0


def test_a_patch_too_large_for_the_object_is_cut_to_it() -> None:
    foreground = box(64, 30, 0, 4, 64)
    for seed in range(20):
        placed = place(np.random.default_rng(seed), box(64, 0, 0, 30, 30), foreground)
        assert placed.any()
        assert not (placed & ~foreground).any()


def test_random_pixels_are_spread_over_the_region_and_nowhere_else() -> None:
    region = box(16, 4, 8, 2, 3)
    rng = np.random.default_rng(0)
    assert {random_pixel(rng, region) for _ in range(200)} == {(y, x) for y in (4, 5) for x in (8, 9, 10)}
