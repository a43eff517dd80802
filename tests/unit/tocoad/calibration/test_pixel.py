from __future__ import annotations

import math

import numpy as np
import pytest

from tocoad.calibration.conformal import CalibrationError
from tocoad.calibration.pixel import normal_range, pixel_threshold


def test_by_hand_over_maps_of_different_size() -> None:
    # Pixels 0 .. 99; at most 7 of 100 may exceed the threshold: 92, which 93 .. 99 exceed.
    pixels = np.random.default_rng(0).permutation(100).astype(np.float32)
    assert pixel_threshold([pixels[:40].reshape(8, 5), pixels[40:].reshape(6, 10)], 0.07) == 92.0


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.25, 0.999])
@pytest.mark.parametrize("levels", [4, 1000])
def test_it_is_the_lowest_pixel_that_keeps_the_rate(rate: float, levels: int) -> None:
    maps = [np.random.default_rng(1).integers(0, levels, (20, 30)).astype(np.float32)]
    threshold = pixel_threshold(maps, rate)
    kept = [value for value in np.unique(maps[0]) if (maps[0] > value).mean() <= rate]
    assert threshold == min(kept)


@pytest.mark.parametrize("maps", [[], [np.empty((0, 4), np.float32)]])
def test_no_pixel_is_refused(maps: list[np.ndarray]) -> None:
    with pytest.raises(CalibrationError, match="no calibration map"):
        pixel_threshold(maps, 0.001)


def test_a_map_that_is_not_finite_is_refused() -> None:
    with pytest.raises(CalibrationError, match="not finite"):
        pixel_threshold([np.array([[1.0, math.nan]], np.float32)], 0.1)


def test_the_normal_range_is_median_and_threshold() -> None:
    pixels = np.random.default_rng(0).permutation(101).astype(np.float32)
    maps = [pixels[:40].reshape(8, 5), pixels[40:].reshape(1, 61)]
    assert normal_range(maps, 0.07) == (50.0, pixel_threshold(maps, 0.07))


def test_the_range_of_equal_pixels_has_a_width() -> None:
    assert normal_range([np.full((2, 2), 3.0, np.float32)], 0.01) == (3.0, 4.0)
