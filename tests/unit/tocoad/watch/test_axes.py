"""The axes of normal images, beside numpy's singular vectors."""

from __future__ import annotations

import numpy as np
import pytest

from tocoad.watch.axes import Axes


def _embeddings(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    strong = rng.standard_normal((count, 3)) * [6.0, 4.0, 2.5]
    ways = np.linalg.qr(np.random.default_rng(9).standard_normal((20, 3)))[0]
    return (strong @ ways.T + 0.2 * rng.standard_normal((count, 20)) + 5).astype(np.float32)


def test_they_are_the_leading_singular_vectors_of_what_is_centred_and_scaled() -> None:
    known = _embeddings(40)
    axes = Axes.through(known, 3)
    spread = known.std(0)
    z = (known - known.mean(0)) / np.maximum(spread, 0.3 * np.sqrt((spread**2).mean()))
    expected = np.linalg.svd(z, full_matrices=False)[2][:3]
    assert np.abs(axes.directions @ expected.T) == pytest.approx(np.eye(3), abs=1e-4)


def test_an_image_lies_on_the_axes_and_beside_them_and_both_are_all_of_it() -> None:
    axes, new = Axes.through(_embeddings(40), 3), _embeddings(5, seed=1)
    found = axes.coordinates(new)
    z = (new - axes.centre) / axes.scale
    assert found.shape == (5, 4)
    assert (found[:, :3] ** 2).sum(1) + 20 * found[:, 3] ** 2 == pytest.approx((z**2).sum(1), rel=1e-4)


def test_few_images_have_fewer_axes() -> None:
    assert Axes.through(_embeddings(3), 4).directions.shape == (2, 20)
    one = Axes.through(_embeddings(1), 4)
    assert one.coordinates(_embeddings(2, seed=1)).shape == (2, 1)


def test_a_channel_that_does_not_vary_does_not_count_for_all_others() -> None:
    known = _embeddings(40)
    known[:, 7] = 1.0
    axes = Axes.through(known, 3)
    new = known[:2].copy()
    new[:, 7] += 0.01
    before, after = axes.coordinates(known[:2])[:, -1], axes.coordinates(new)[:, -1]
    assert after == pytest.approx(before, rel=0.05)
