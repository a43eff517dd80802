"""Brightness, contrast and sharpness, by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tocoad.watch.light import light


def test_by_hand() -> None:
    """Columns of 10 and 20: half of the steps between neighbours in a row are 10, none in a column is."""
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, :2], image[:, 2:] = 10, 20
    ((brightness, contrast, sharpness),) = light(image[None])
    assert (brightness, contrast) == (pytest.approx(15), pytest.approx(5))
    assert sharpness == pytest.approx((10 / 3) / (5 + 1))


def test_green_is_brighter_than_blue() -> None:
    image = np.zeros((2, 4, 4, 3), np.uint8)
    image[0, ..., 1], image[1, ..., 2] = 100, 100
    assert light(image)[:, 0] == pytest.approx([58.7, 11.4])


def test_less_light_is_no_blur_and_a_blur_is_no_less_light() -> None:
    image = np.random.default_rng(0).integers(40, 220, (32, 32, 3), dtype=np.uint8)
    dark, soft = (image * 0.7).astype(np.uint8), cv2.GaussianBlur(image, (0, 0), 1.0)
    as_is, darker, blurred = light(np.stack([image, dark, soft]))
    assert darker[0] < 0.75 * as_is[0] and darker[2] == pytest.approx(as_is[2], rel=0.02)
    assert blurred[0] == pytest.approx(as_is[0], rel=0.02) and blurred[2] < 0.7 * as_is[2]
