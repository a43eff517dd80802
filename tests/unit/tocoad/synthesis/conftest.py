"""Rendered images: parts on a background, and surfaces."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Images = NDArray[np.uint8]


@pytest.fixture
def render_objects() -> Callable[..., tuple[Images, NDArray[np.bool_]]]:
    """Discs of about one size at changing places, with the true masks."""

    def render(
        count: int = 6, size: int = 64, *, bright: bool = False, radius: float = 0.28
    ) -> tuple[Images, NDArray[np.bool_]]:
        images, masks = [], []
        for number in range(count):
            rng = np.random.default_rng(number)
            y, x = rng.integers(round(0.42 * size), round(0.58 * size), size=2)
            mask = np.zeros((size, size), dtype=np.uint8)
            cv2.circle(mask, (int(x), int(y)), round(radius * size), 1, -1)
            part, ground = ((210, 200, 190), (25, 25, 30)) if bright else ((60, 80, 90), (225, 225, 220))
            grain = np.repeat(rng.normal(0.0, 6.0, (size, size, 1)), 3, axis=2)
            image = np.where(mask[..., None] > 0, part, ground) + grain
            images.append(np.clip(image, 0, 255).astype(np.uint8))
            masks.append(mask > 0)
        return np.stack(images), np.stack(masks)

    return render


@pytest.fixture
def render_surfaces() -> Callable[..., Images]:
    """Grained, unevenly lit surfaces with stripes that reach the border."""

    def render(count: int = 6, size: int = 64) -> Images:
        images = []
        for number in range(count):
            rng = np.random.default_rng(100 + number)
            stripes = 25.0 * np.sin(np.arange(size) / size * 2 * np.pi * rng.uniform(2, 5) + rng.uniform(0, 6))
            light = np.linspace(90, 150, size)[:, None]
            grey = light + stripes[None, :] + rng.normal(0, 8, (size, size))
            images.append(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
        return np.stack(images)

    return render
