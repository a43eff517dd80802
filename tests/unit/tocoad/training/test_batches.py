"""Batches are a function of (seed, step), and views leave the geometry alone."""

from __future__ import annotations

import numpy as np
import pytest

from tocoad.methods.tocoad.settings import Stage2Settings
from tocoad.training.batches import batch_indices, photometric_pair, photometric_view

STILL = Stage2Settings(brightness=0, contrast=0, saturation=0, hue=0, blur_sigma=0)


def test_every_image_comes_once_an_epoch() -> None:
    seen = [index for step in range(5) for index in batch_indices(10, 4, step, seed=1)]
    assert sorted(seen[:10]) == list(range(10))
    assert sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert np.bincount(batch_indices(3, 9, 0, seed=0)).tolist() == [3, 3, 3]


def test_a_later_step_needs_no_earlier_one() -> None:
    assert batch_indices(7, 3, 11, seed=4) == [batch_indices(7, 3, step, seed=4) for step in range(12)][11]


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)


def test_without_jitter_a_view_is_the_image(images: np.ndarray) -> None:
    assert np.array_equal(photometric_view(images[0], STILL, np.random.default_rng(0)), images[0])


def test_both_views_share_their_flip(images: np.ndarray) -> None:
    first, second = photometric_pair(images, STILL, seed=0, step=0)
    assert np.array_equal(first, second)
    draws = [photometric_pair(images, STILL, seed=0, step=step)[0][0] for step in range(20)]
    flipped = sum(np.array_equal(draw, images[0][:, ::-1]) for draw in draws)
    assert 0 < flipped < 20
    assert flipped + sum(np.array_equal(draw, images[0]) for draw in draws) == 20


def test_views_differ_and_are_the_same_for_the_same_key(images: np.ndarray) -> None:
    first, second = photometric_pair(images, Stage2Settings(), seed=3, step=9)
    again = photometric_pair(images, Stage2Settings(), seed=3, step=9)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again[0]) and np.array_equal(second, again[1])


def test_brightness_alone_scales_the_image() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    settings = STILL.model_copy(update={"brightness": 0.2})
    view = photometric_view(grey, settings, np.random.default_rng(1))
    factor = 1 + np.random.default_rng(1).uniform(-1, 1) * 0.2
    assert view.min() == view.max() == round(100 * factor)
