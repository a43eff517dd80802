"""A category of tiny rendered images and the contexts of its stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tocoad.data.stage import manifest
from tocoad.files.workspace import Category
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings
from tocoad.stages.stage import ProgressCallback, StageContext, silent

SIZE = 64
CATEGORY = Category("toys", "disc")
ENCODER = EncoderSettings(name="tf_efficientnet_lite0", weights="wheel")

Context = Callable[..., StageContext]


def draw(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rng = np.random.default_rng(number)
    image = np.full((SIZE, SIZE, 3), 200, np.uint8)
    cv2.circle(image, (32, 32), int(rng.integers(14, 20)), (60, 90, 120), -1)
    return np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "toys" / "disc"
    for part, numbers in (("train/good", range(12)), ("test/good", range(20, 22))):
        (folder / part).mkdir(parents=True)
        for number in numbers:
            cv2.imwrite(str(folder / part / f"{number:03d}.png"), draw(number))
    return folder


@pytest.fixture
def context(data_dir: Path, tmp_path: Path) -> Context:
    """`context(run, stage, **sections)`: of a stage in the folder `run`, its manifest written."""

    def make(run: str, stage: str, progress: ProgressCallback = silent, **sections: Any) -> StageContext:
        root = tmp_path / run
        settings = Settings(
            image=ImageSettings(size=SIZE),
            split=SplitSettings(train_min=2, calibration_min=4),
            encoder=ENCODER,
            **{"train": {"iterations": 6, "batch_size": 3, "decoder_blocks": [1, 1, 1]}, **sections},
        )

        def of(name: str, progress: ProgressCallback) -> StageContext:
            (root / name).mkdir(parents=True, exist_ok=True)
            inputs = {other: root / other for other in ("manifest", "train")}
            return StageContext(
                CATEGORY,
                "recontrast",
                settings,
                ("train",),
                data_dir,
                inputs,
                root / name,
                root / ".checkpoint",
                root / ".cache",
                progress=progress,
            )

        if not (root / "manifest" / "train.json").is_file():
            manifest(of("manifest", silent))
        return of(stage, progress)

    return make
