from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageEnhance, ImageOps

from tocoad.synthesis import augment


class Fixed:
    """A generator whose every draw is the given value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def uniform(self, low: float, high: float, size: int | None = None) -> Any:
        return self.value

    def integers(self, low: int, high: int) -> Any:
        return self.value


def fixed(value: Any) -> np.random.Generator:
    return cast(np.random.Generator, Fixed(value))


@pytest.fixture
def image() -> np.ndarray:
    smooth = np.linspace(30, 200, 64)[:, None, None] + np.linspace(-20, 40, 64)[None, :, None] * np.array(
        [1.0, 0.5, -1.0]
    )
    return np.clip(smooth + np.random.default_rng(0).normal(0, 6, (64, 64, 3)), 0, 255).astype(np.uint8)


def pillow(image: np.ndarray) -> PillowImage.Image:
    return PillowImage.fromarray(image)


def test_invert_and_solarise_are_pillows(image: np.ndarray) -> None:
    assert np.array_equal(augment.invert(fixed(0), image), ImageOps.invert(pillow(image)))
    assert np.array_equal(augment.solarise(fixed(90), image), ImageOps.solarize(pillow(image), 90))


@pytest.mark.parametrize("dropped_bits", [1, 4, 7])
def test_posterise_drops_low_bits(image: np.ndarray, dropped_bits: int) -> None:
    expected = ImageOps.posterize(pillow(image), 8 - dropped_bits)
    assert np.array_equal(augment.posterise(fixed(dropped_bits), image), expected)


@pytest.mark.parametrize("cut_percent", [0, 5, 20])
def test_autocontrast_is_pillows_within_its_truncation(image: np.ndarray, cut_percent: int) -> None:
    expected = np.asarray(ImageOps.autocontrast(pillow(image), cutoff=cut_percent)).astype(int)
    assert np.abs(augment.autocontrast(fixed(cut_percent / 100), image) - expected).max() <= 1


def test_autocontrast_leaves_a_flat_image() -> None:
    flat = np.full((32, 32, 3), 77, dtype=np.uint8)
    assert np.array_equal(augment.autocontrast(fixed(0.1), flat), flat)


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.5])
def test_sharpness_is_pillows(image: np.ndarray, factor: float) -> None:
    expected = np.asarray(ImageEnhance.Sharpness(pillow(image)).enhance(factor)).astype(int)
    # Pillow rounds twice, once after smoothing; its border stays unsmoothed.
    difference = np.abs(augment.sharpness(fixed(factor), image) - expected)[1:-1, 1:-1]
    assert difference.max() <= 2


def test_gamma_acts_per_channel() -> None:
    image = np.full((32, 32, 3), 64, dtype=np.uint8)
    result = augment.gamma(fixed(np.array([0.5, 1.0, 2.0])), image)
    # 255 * (64 / 255)^g
    assert result[0, 0].tolist() == [128, 64, 16]


def test_multiply_add_is_rounded_and_clipped() -> None:
    image = np.array([[[10, 100, 250]]], dtype=np.uint8).repeat(32, 0).repeat(32, 1)
    # 1.1 * 10 + 1.1 = 12.1; 111.1; 276.1
    assert augment.multiply_add(fixed(1.1), image)[0, 0].tolist() == [12, 111, 255]


def test_equalise_spreads_the_values_evenly(image: np.ndarray) -> None:
    result = augment.equalise(fixed(0), image)
    for channel in range(3):
        assert np.quantile(result[..., channel], [0.25, 0.5, 0.75]) == pytest.approx([64, 128, 191], abs=6)


def test_hue_turns_colours_and_leaves_greys_without_more_saturation() -> None:
    # A third of the circle: 120 degrees are 60 of OpenCV's steps, 85 of 255.
    red = np.zeros((32, 32, 3), dtype=np.uint8)
    red[..., 0] = 200
    assert augment.hue_saturation(fixed(np.array([85.0, 0.0])), red)[0, 0].tolist() == [0, 200, 0]
    grey = np.full((32, 32, 3), 90, dtype=np.uint8)
    assert np.array_equal(augment.hue_saturation(fixed(np.array([85.0, -50.0])), grey), grey)


def test_rotation_by_nothing_is_the_image_and_by_45_degrees_leaves_no_empty_corner(image: np.ndarray) -> None:
    assert np.array_equal(augment.rotate(fixed(0.0), image), image)
    assert augment.rotate(fixed(45.0), np.full_like(image, 99)).min() == 99


def test_jitter_changes_grey_levels_by_a_tenth_or_two() -> None:
    image = np.full((32, 32, 3), 100, dtype=np.uint8)
    image[:16] = 140
    rng = np.random.default_rng(0)
    results = np.array([augment.colour_jitter(rng, image)[0, 0, 0] for _ in range(200)])
    # At most 1.1 * (1.1 * 140 + -0.1 * 120), at least 0.9 * (0.9 * 140 + 0.1 * 120).
    assert 124 <= results.min() < results.max() <= 157
    assert np.unique(results).size > 10


def test_three_distinct_operations_of_ten_are_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(augment.OPERATIONS) == 10
    applied: list[int] = []

    def recorder(number: int) -> augment.Operation:
        def record(rng: np.random.Generator, image: augment.Image) -> augment.Image:
            applied.append(number)
            return np.asarray(image + 1, dtype=np.uint8)

        return record

    monkeypatch.setattr(augment, "OPERATIONS", tuple(recorder(i) for i in range(10)))
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert (augment.augment(rng, np.zeros((32, 32, 3), dtype=np.uint8)) == 3).all()
    draws = np.reshape(applied, (100, 3))
    assert all(len(set(draw)) == 3 for draw in draws.tolist())
    assert set(applied) == set(range(10))


def test_every_operation_keeps_shape_and_type_and_leaves_its_input(image: np.ndarray) -> None:
    before = image.copy()
    for operation in (*augment.OPERATIONS, augment.colour_jitter):
        result = operation(np.random.default_rng(3), image)
        assert result.shape == image.shape
        assert result.dtype == np.uint8
        assert np.array_equal(image, before)
