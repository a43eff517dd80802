from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tocoad.synthesis.foreground import ForegroundRule, decide_foreground, foreground_masks


def overlap(found: np.ndarray, true: np.ndarray) -> float:
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("bright", [False, True])
def test_parts_on_a_background_are_found(render_objects: Callable[..., tuple], bright: bool) -> None:
    images, masks = render_objects(bright=bright)
    rule = decide_foreground(images)
    assert rule.kind == "object"
    assert rule.bright == bright
    assert min(overlap(found, true) for found, true in zip(rule.masks(images), masks, strict=True)) > 0.95
    assert np.array_equal(foreground_masks(images), rule.masks(images))


def test_a_surface_is_foreground_everywhere(render_surfaces: Callable[..., np.ndarray]) -> None:
    images = render_surfaces()
    assert decide_foreground(images).kind == "texture"
    masks = foreground_masks(images)
    assert masks.shape == (6, 64, 64)
    assert masks.all()


def test_the_same_part_at_any_angle_is_an_object() -> None:
    images = np.full((8, 128, 128, 3), 200, dtype=np.uint8)
    for angle, image in zip(range(0, 180, 23), images, strict=True):
        corners = cv2.boxPoints(((64, 64), (100, 16), angle)).astype(np.int32)
        cv2.fillPoly(image, [corners], (70, 70, 75))
    rule = decide_foreground(images)
    assert rule.kind == "object"
    assert rule.masks(images).mean(axis=(1, 2)) == pytest.approx(np.full(8, 1600 / 128**2), rel=0.2)


def test_a_part_that_changes_its_size_from_image_to_image_is_no_object(render_objects: Callable[..., tuple]) -> None:
    small, _ = render_objects(radius=0.08)
    large, _ = render_objects(radius=0.35)
    assert decide_foreground(np.concatenate((small, large))).kind == "texture"


def test_a_speck_is_no_object(render_objects: Callable[..., tuple]) -> None:
    images, masks = render_objects(size=128, radius=0.04)
    assert 0.002 < masks.mean() < 0.01
    assert decide_foreground(images).kind == "texture"


def test_a_part_that_fills_the_image_to_its_border_is_no_object(render_objects: Callable[..., tuple]) -> None:
    images, _ = render_objects()
    assert decide_foreground(images[:, 16:48, 16:48].repeat(2, axis=1).repeat(2, axis=2)).kind == "texture"


def test_light_that_falls_off_towards_the_border_makes_no_object() -> None:
    y, x = np.mgrid[:64, :64] - 31.5
    light = np.clip(230 - 4.0 * np.hypot(y, x), 60, 230)[..., None]
    images = np.stack(
        [(light + np.random.default_rng(i).normal(0, 4, (64, 64, 1))).repeat(3, axis=2) for i in range(6)]
    )
    assert decide_foreground(images.astype(np.uint8)).kind == "texture"


def test_noise_without_two_grey_levels_is_no_object() -> None:
    noise = np.random.default_rng(0).normal(120, 20, (5, 64, 64, 1)).repeat(3, axis=3).astype(np.uint8)
    assert decide_foreground(noise).kind == "texture"


def test_highlights_inside_the_part_belong_to_it_and_a_wide_opening_does_not() -> None:
    image = np.full((128, 128, 3), 220, dtype=np.uint8)
    cv2.circle(image, (64, 64), 50, (60, 60, 60), -1)
    cv2.circle(image, (40, 64), 5, (250, 250, 250), -1)
    cv2.circle(image, (75, 64), 18, (220, 220, 220), -1)
    mask = ForegroundRule("object").masks(image[None])[0]
    assert mask[64, 40]
    assert not mask[64, 75]
    assert mask[64, 54]


def test_an_image_in_which_nothing_is_found_is_foreground_everywhere() -> None:
    flat = np.full((1, 64, 64, 3), 128, dtype=np.uint8)
    assert ForegroundRule("object", bright=True).masks(flat).all()
    assert ForegroundRule("object", bright=False).masks(flat).all()
