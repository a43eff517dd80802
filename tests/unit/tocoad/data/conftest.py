from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.settings.sections import SplitSettings

WIDTH, HEIGHT = 12, 8


@pytest.fixture
def split() -> SplitSettings:
    return SplitSettings(calibration_fraction=0.25, calibration_min=2, train_min=3)


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """Writes images that all differ."""
    numbers = itertools.count()

    def write(path: Path, mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(next(numbers)).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(path)
        return path

    return write


@pytest.fixture
def write_mask() -> Callable[..., Path]:
    def write(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = np.zeros((size[1], size[0]), np.uint8)
        mask[2:4, 3:6] = 255
        Image.fromarray(mask).save(path)
        return path

    return write


@pytest.fixture
def write_category(
    write_image: Callable[..., Path], write_mask: Callable[..., Path]
) -> Callable[[Path, Mapping[str, int]], Path]:
    """A category of 8 training and 2 good test images, and of each defect type so many images with masks."""

    def write(folder: Path, defects: Mapping[str, int]) -> Path:
        for number in range(8):
            write_image(folder / f"train/good/{number:03d}.png")
        for number in range(2):
            write_image(folder / f"test/good/{number:03d}.png")
        for defect_type, count in defects.items():
            for number in range(count):
                write_image(folder / f"test/{defect_type}/{number:03d}.png")
                write_mask(folder / f"ground_truth/{defect_type}/{number:03d}_mask.png")
        return folder

    return write
