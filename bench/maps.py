"""Anomaly maps and masks as a detector and a data set would give them, rendered when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SEED = 20241


class RenderedMasks(Sequence[NDArray[np.bool_] | None]):
    """`images` masks (S, S): each fourth image is good (None), the others have one to three ellipses, 2 % of the pixels
    of all images together.
    """

    def __init__(self, images: int, size: int) -> None:
        self.images, self.size = images, size

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, index: int) -> NDArray[np.bool_] | None:  # type: ignore[override]
        if index >= self.images:
            raise IndexError(index)
        drawn = self.drawn(index, self.size)
        return drawn.astype(bool) if index % 4 else None

    def drawn(self, index: int, size: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng((SEED, 0, index))
        canvas = np.zeros((size, size), np.uint8)
        for _ in range(int(rng.integers(1, 4)) if index % 4 else 0):
            center, axes = rng.uniform(1 / 8, 7 / 8, 2) * size, rng.uniform(1 / 32, 1 / 10, 2) * size
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(canvas, center.astype(int).tolist(), axes.astype(int).tolist(), angle, 0.0, 360.0, 1, -1)
        return canvas


class RenderedMaps(Sequence[NDArray[np.float32]]):
    """The maps (S, S) float32 of `masks`: smooth noise, raised where the defects are, rendered at 256 and enlarged."""

    def __init__(self, masks: RenderedMasks) -> None:
        self.masks = masks

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> NDArray[np.float32]:  # type: ignore[override]
        if index >= len(self):
            raise IndexError(index)
        native = min(256, self.masks.size)
        rng = np.random.default_rng((SEED, 1, index))
        noise = cv2.resize(rng.random((native // 8, native // 8), dtype=np.float32), (native, native))
        defects = cv2.GaussianBlur(self.masks.drawn(index, native).astype(np.float32), (0, 0), 5)
        anomaly_map = cv2.GaussianBlur(noise, (0, 0), 4) + 0.4 * defects
        return np.asarray(cv2.resize(anomaly_map, (self.masks.size, self.masks.size)), np.float32)
