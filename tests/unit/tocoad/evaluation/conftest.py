"""A tiny category on disk, and a detector that sees redness."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tocoad.calibration.conformal import conformal_threshold
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.manifest import ImageRecord, Manifest


@dataclass
class RedDetector:
    """anomaly_map = red / 255; pred_score = its maximum."""

    image_size: int = 32
    device: str = "cpu"
    batches: list[int] = field(default_factory=list)

    @property
    def card(self) -> SimpleNamespace:
        return SimpleNamespace(
            image_threshold=conformal_threshold(np.linspace(0.0, 0.3, 24, dtype=np.float32), 0.05),
            pixel_threshold=0.4,
            depth=FULL_DEPTH,
            calibration=SimpleNamespace(scale=(0.05, 1.0)),
        )

    def predict(self, images: NDArray[np.uint8]) -> SimpleNamespace:
        self.batches.append(len(images))
        anomaly_map = images[..., 0].astype(np.float32) / 255
        pred_score = anomaly_map.max(axis=(1, 2))
        return SimpleNamespace(
            pred_score=pred_score,
            anomaly_map=anomaly_map,
            pred_label=pred_score > self.card.image_threshold.value,
            pred_mask=anomaly_map > self.card.pixel_threshold,
        )


@dataclass
class Images:
    """Writes images below `data_dir` and keeps their records."""

    data_dir: Path
    records: list[ImageRecord] = field(default_factory=list)

    def add(
        self, name: str, red: int, *, mask: bool = False, size: tuple[int, int] = (32, 32), suffix: str = ".png"
    ) -> None:
        """A picture of `size` (width, height) at `test/<name>`, with a red patch of level `red` and perhaps a mask."""
        width, height = size
        pixels = np.full((height, width, 3), (10, 60, 60), np.uint8)
        patch = np.s_[height // 4 : height // 2, width // 4 : width // 2]
        pixels[patch] = (red, 60, 60)
        path, mask_path = f"test/{name}{suffix}", None
        self._save(pixels, path)
        if mask:
            truth = np.zeros((height, width), np.uint8)
            truth[patch] = 1  # any non-zero pixel is anomalous
            mask_path = f"ground_truth/{name}_mask.png"
            self._save(truth, mask_path)
        defect_type = name.partition("/")[0]
        self.records.append(
            ImageRecord(
                path=path,
                sha256=hashlib.sha256((self.data_dir / path).read_bytes()).hexdigest(),
                md5="0" * 32,
                split="test",
                gt_label=0 if defect_type == "good" else 1,
                defect_type=defect_type,
                mask_path=mask_path,
                mask_sha256=None,
                width=width,
                height=height,
            )
        )

    def manifest(self) -> Manifest:
        images = tuple(sorted(self.records, key=lambda record: record.path))
        return Manifest(dataset="toys", category="block", images=images)

    def _save(self, pixels: NDArray[np.uint8], path: str) -> None:
        file = self.data_dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path / "data")


@pytest.fixture
def category(images: Images) -> Images:
    """Three good images, one of them rejected; two scratches with masks, one missed; a stain without a mask."""
    images.add("good/000", 20)
    images.add("good/001", 40, size=(48, 32))
    images.add("good/002", 120, size=(20, 64))
    images.add("scratch/000", 250, mask=True)
    images.add("scratch/001", 60, mask=True, size=(64, 40))
    images.add("stain/000", 200)
    return images


@pytest.fixture
def detector() -> RedDetector:
    return RedDetector()
