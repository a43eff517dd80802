from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from tocoad.synthesis.blend import alpha_blend, changed_mask, paste


def images(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image, content = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    return image, content


def disc() -> np.ndarray:
    y, x = np.mgrid[:32, :32]
    return (y - 15) ** 2 + (x - 17) ** 2 < 80


def test_alpha_blend_by_hand() -> None:
    image, content = np.full((32, 32, 3), 200, dtype=np.uint8), np.full((32, 32, 3), 61, dtype=np.uint8)
    blended = alpha_blend(image, content, disc(), 0.3)
    # 0.7 * 61 + 0.3 * 200 = 102.7
    assert (blended[disc()] == 103).all()
    assert (blended[~disc()] == 200).all()


def test_alpha_blend_is_the_formula_rounded_to_nearest() -> None:
    image, content = images()
    mask = disc()[..., None]
    for beta in (0.0, 0.123, 0.4567, 0.8):
        exact = (1 - mask) * image + mask * ((1 - beta) * content + beta * image)
        assert np.abs(alpha_blend(image, content, disc(), beta) - exact).max() <= 0.5 + 1e-4


def test_blending_leaves_its_inputs() -> None:
    image, content = images()
    before = image.copy(), content.copy()
    alpha_blend(image, content, disc(), 0.5)[:] = 0
    paste(image, content, disc())[:] = 0
    assert np.array_equal(image, before[0])
    assert np.array_equal(content, before[1])


def test_changes_of_one_grey_level_in_the_mean_do_not_count() -> None:
    normal = np.full((32, 32, 3), 100, dtype=np.uint8)
    everywhere = np.ones((32, 32), dtype=np.bool_)
    slight, clear = normal.copy(), normal.copy()
    slight[8:24, 8:24] += np.array([0, 1, 2], dtype=np.uint8)
    clear[8:24, 8:24] -= np.array([0, 1, 3], dtype=np.uint8)
    assert not changed_mask(normal, slight, everywhere).any()
    assert changed_mask(normal, clear, everywhere)[10:22, 10:22].all()


def test_the_label_is_a_5x5_median_inside_a_large_mask() -> None:
    rng = np.random.default_rng(0)
    normal = np.full((48, 48, 3), 100, dtype=np.uint8)
    blended = (normal + 5 * (rng.random((48, 48, 1)) < 0.5)).astype(np.uint8)
    everywhere = np.ones((48, 48), dtype=np.bool_)
    changed = np.abs(blended.astype(int) - normal).mean(axis=2) > 1
    expected = median_filter(changed.astype(np.uint8), size=5, mode="nearest") > 0
    assert 0.2 < expected.mean() < 0.8
    assert np.array_equal(changed_mask(normal, blended, everywhere), expected)


def test_a_thin_scar_keeps_its_label() -> None:
    normal = np.full((32, 32, 3), 100, dtype=np.uint8)
    scar = np.zeros((32, 32), dtype=np.bool_)
    scar[5:25, 15:17] = True
    assert np.array_equal(changed_mask(normal, paste(normal, normal + 40, scar), scar), scar)
