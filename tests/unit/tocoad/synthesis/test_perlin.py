from __future__ import annotations

import numpy as np
import pytest

from tocoad.synthesis import perlin


def reference_noise(angles: np.ndarray, size: int) -> np.ndarray:
    """DRAEM's construction, pixel by pixel: dot products with the corners' gradients, fade, two lerps, times sqrt 2."""
    rows, columns = angles.shape[0] - 1, angles.shape[1] - 1
    gradients = np.stack((np.cos(angles), np.sin(angles)), axis=-1).astype(np.float64)
    noise = np.empty((size, size))
    for y in range(size):
        for x in range(size):
            v, u = y * rows / size, x * columns / size
            i, j = int(v), int(u)
            v, u = v - i, u - j
            corner = {(a, b): gradients[i + a, j + b] @ (v - a, u - b) for a in (0, 1) for b in (0, 1)}
            fade_v, fade_u = (6 * t**5 - 15 * t**4 + 10 * t**3 for t in (v, u))
            first = corner[0, 0] + fade_v * (corner[1, 0] - corner[0, 0])
            second = corner[0, 1] + fade_v * (corner[1, 1] - corner[0, 1])
            noise[y, x] = np.sqrt(2) * (first + fade_u * (second - first))
    return noise


@pytest.mark.parametrize(("rows", "columns", "size"), [(1, 1, 32), (4, 8, 64), (32, 2, 64), (4, 2, 96)])
def test_noise_equals_the_straightforward_construction(rows: int, columns: int, size: int) -> None:
    angles = np.random.default_rng(rows).uniform(0, 2 * np.pi, (rows + 1, columns + 1)).astype(np.float32)
    noise = perlin.perlin_noise(angles, size)
    assert np.abs(noise - reference_noise(angles, size)).max() < 1e-6


def test_noise_is_zero_at_the_lattice_nodes() -> None:
    noise = perlin.perlin_noise(np.random.default_rng(0).uniform(0, 6, (5, 5)).astype(np.float32), 64)
    assert np.array_equal(noise[::16, ::16], np.zeros((4, 4)))


def test_masks_cover_every_part_of_the_image_about_equally() -> None:
    rng = np.random.default_rng(0)
    coverage = np.mean([perlin.perlin_mask(rng, 64) for _ in range(600)], axis=0)
    corners = [coverage[:16, :16], coverage[:16, -16:], coverage[-16:, :16], coverage[-16:, -16:]]
    assert 0.03 < coverage.mean() < 0.10
    assert min(corner.mean() for corner in corners) > 0.5 * coverage[24:40, 24:40].mean()


@pytest.mark.parametrize("size", [32, 96, 256])
def test_masks_are_boolean_and_square_at_any_side(size: int) -> None:
    mask = perlin.perlin_mask(np.random.default_rng(1), size)
    assert mask.shape == (size, size)
    assert mask.dtype == np.bool_


def test_two_masks_are_united_intersected_or_left_single_a_third_each(monkeypatch: pytest.MonkeyPatch) -> None:
    first = np.array([[True, True], [False, False]])
    second = np.array([[True, False], [True, False]])
    outcomes = {(first | second).tobytes(): "union", (first & second).tobytes(): "both", first.tobytes(): "single"}
    found = dict.fromkeys(outcomes.values(), 0)
    rng = np.random.default_rng(0)
    for _ in range(900):
        drawn = iter((first, second))
        monkeypatch.setattr(perlin, "perlin_mask", lambda rng, size, drawn=drawn: next(drawn))
        found[outcomes[perlin.two_perlin_mask(rng, 2).tobytes()]] += 1
    assert all(240 < count < 360 for count in found.values()), found
