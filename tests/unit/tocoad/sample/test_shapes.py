from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tocoad.sample.shapes import Grid, box, circle, polyline, smooth_noise


def test_pixel_centres_span_the_unit_square() -> None:
    grid = Grid.of(4)
    np.testing.assert_allclose(grid.x[0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(grid.y[:, 0], [-0.75, -0.25, 0.25, 0.75])


def test_area_of_a_covered_circle() -> None:
    grid = Grid.of(128)
    area = grid.coverage(circle(grid, (0.1, -0.2), 0.5)).sum() * grid.px**2
    assert area == pytest.approx(np.pi * 0.25, rel=1e-3)


def test_area_of_a_rounded_box() -> None:
    grid = Grid.of(128)
    area = grid.coverage(box(grid, (0, 0), (0.6, 0.3), 0.1)).sum() * grid.px**2
    assert area == pytest.approx(1.2 * 0.6 - (4 - np.pi) * 0.01, rel=2e-3)


def test_distance_to_a_line_is_that_to_its_nearest_point() -> None:
    grid = Grid.of(16)
    line = [(-0.5, 0.0), (0.25, 0.0), (0.25, 0.6)]
    t = np.linspace(0, 1, 2001)
    points = np.concatenate([np.array(a) + t[:, None] * (np.array(b) - a) for a, b in pairwise(line)])
    expected = np.hypot(grid.x[..., None] - points[:, 0], grid.y[..., None] - points[:, 1]).min(axis=-1)
    np.testing.assert_allclose(polyline(grid, line), expected, atol=1e-3)


def test_moved_coordinates_are_zero_at_the_place_and_turn_clockwise_on_the_screen() -> None:
    turned = Grid.of(64).moved(0.25, -0.5, 90)
    row, column = np.unravel_index(np.argmin(np.hypot(turned.x, turned.y)), turned.x.shape)
    assert Grid.of(64).x[row, column] == pytest.approx(0.25, abs=2 / 64)
    assert Grid.of(64).y[row, column] == pytest.approx(-0.5, abs=2 / 64)
    # What lies below the place (y down) lies on the turned x axis.
    assert turned.x[row + 10, column] > turned.x[row, column]


@pytest.mark.parametrize("sigma", [0.5, 2.0, 9.0, (20.0, 1.0)])
def test_noise_has_unit_deviation_and_the_wanted_correlation(sigma: float | tuple[float, float]) -> None:
    noise = smooth_noise(np.random.default_rng(0), 256, sigma)
    assert noise.mean() == pytest.approx(0, abs=1e-4)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    sigma_x, sigma_y = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    # White noise blurred by a Gaussian of s correlates as exp(-d^2 / 4 s^2).
    for axis, s in ((1, sigma_x), (0, sigma_y)):
        if s >= 1:
            shift = round(s)
            moved = np.roll(noise, shift, axis=axis)
            assert (noise * moved).mean() == pytest.approx(np.exp(-(shift**2) / (4 * s**2)), abs=0.12)
