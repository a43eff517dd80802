from __future__ import annotations

import numpy as np
import pytest

from tocoad.synthesis.perlin import perlin_mask
from tocoad.synthesis.poisson import poisson_blend, solve_rectangle, solve_region


def box(size: int, top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def reference(image: np.ndarray, content: np.ndarray, mask: np.ndarray, *, mixed: bool) -> np.ndarray:
    """Perez et al. (2003), equations 7, 10 and 12, written out with a dense matrix."""
    points = [(int(y), int(x)) for y, x in np.argwhere(mask)]
    number = {point: i for i, point in enumerate(points)}
    f, g = image.astype(float), content.astype(float)
    matrix, right_side = np.zeros((len(points), len(points))), np.zeros((len(points), 3))
    for (y, x), i in number.items():
        matrix[i, i] = 4
        for q in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            own, foreign = f[y, x] - f[q], g[y, x] - g[q]
            right_side[i] += np.where(np.abs(own) > np.abs(foreign), own, foreign) if mixed else foreign
            if q in number:
                matrix[i, number[q]] = -1
            else:
                right_side[i] += f[q]
    result = f.copy()
    result[tuple(np.transpose(points))] = np.linalg.solve(matrix, right_side)
    return np.clip(result, 0, 255)


def smooth_images(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    image = 100 + 40 * np.sin(y / 5)[..., None] + rng.normal(0, 4, (size, size, 3))
    content = 140 + 50 * np.cos(x / 4)[..., None] + rng.normal(0, 4, (size, size, 3))
    return image.astype(np.uint8), content.astype(np.uint8)


def blob(size: int = 32) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return ((y - 14) ** 2 + 2 * (x - 17) ** 2 < 90) | box(size, 20, 2, 3, 9)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("mask", [box(32, 6, 9, 12, 8), blob()], ids=["rectangle", "blob"])
def test_blend_solves_the_poisson_equation(mask: np.ndarray, mixed: bool) -> None:
    image, content = smooth_images()
    blended = poisson_blend(image, content, mask, mixed=mixed)
    assert np.abs(blended - reference(image, content, mask, mixed=mixed)).max() <= 0.5 + 1e-6


def test_both_solvers_agree_on_a_rectangle() -> None:
    right_side = np.random.default_rng(0).normal(size=(9, 14, 3))
    everything = np.ones((9, 14), dtype=np.bool_)
    assert np.abs(solve_rectangle(right_side, everything) - solve_region(right_side, everything)).max() < 1e-10


def test_content_of_another_brightness_blends_in_without_a_trace() -> None:
    image, _ = smooth_images()
    brighter = (image + 30).astype(np.uint8)
    assert np.array_equal(poisson_blend(image, brighter, blob(), mixed=False), image)


def test_nothing_changes_outside_the_mask_or_in_the_outermost_pixels() -> None:
    image, content = smooth_images(64)
    for seed in range(10):
        mask = perlin_mask(np.random.default_rng(seed), 64)
        blended = poisson_blend(image, content, mask, mixed=False)
        assert np.array_equal(blended[~mask], image[~mask])
    blended = poisson_blend(image, content, np.ones((64, 64), dtype=np.bool_), mixed=False)
    assert np.array_equal(blended[[0, -1]], image[[0, -1]])
    assert np.array_equal(blended[:, [0, -1]], image[:, [0, -1]])
    assert not np.array_equal(blended[1:-1, 1:-1], image[1:-1, 1:-1])


def test_an_empty_mask_gives_a_copy() -> None:
    image, content = smooth_images()
    blended = poisson_blend(image, content, np.zeros((32, 32), dtype=np.bool_), mixed=True)
    assert np.array_equal(blended, image)
    assert blended is not image
