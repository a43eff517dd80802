"""A data set drawn in a moment: two categories, a disc and a bar, of images of 64 pixels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tocoad.files.workspace import Category, Workspace

SIZE = 64
DISC, BAR = Category("toys", "disc"), Category("toys", "bar")

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def draw(kind: str, number: int) -> Pixels:
    rng = np.random.default_rng((len(kind), number))
    image = np.full((SIZE, SIZE, 3), 200, np.uint8)
    if kind == "disc":
        cv2.circle(image, (32, 32), int(rng.integers(14, 20)), (60, 90, 120), -1)
    else:
        cv2.rectangle(image, (8, 24), (56, int(rng.integers(36, 44))), (150, 40, 40), -1)
    return np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


def draw_toys(root: Path) -> Workspace:
    """Of each category 12 images to train on, and for the test 2 good ones and 2 with a scratch."""
    workspace = Workspace(root)
    for category in (DISC, BAR):
        folder = workspace.data_dir(category)
        write(folder / "train/good", ((number, draw(category.name, number)) for number in range(12)))
        write(folder / "test/good", ((number, draw(category.name, number)) for number in (20, 21)))
        scratch = np.zeros((SIZE, SIZE), np.uint8)
        scratch[30:36, 20:50] = 255
        write(
            folder / "test/scratch", ((n, np.where(scratch[..., None], 255, draw(category.name, n))) for n in (30, 31))
        )
        write(folder / "ground_truth/scratch", ((number, scratch) for number in (30, 31)), "_mask")
    return workspace


def write(folder: Path, images: Iterable[tuple[int, Any]], suffix: str = "") -> None:
    folder.mkdir(parents=True)
    for number, image in images:
        cv2.imwrite(str(folder / f"{number:03d}{suffix}.png"), image)
