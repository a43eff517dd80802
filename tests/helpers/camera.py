"""Pictures of a part, a detector with a reference of such, and a category whose camera writes into a folder."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.watch import watch_category
from tests.helpers.packages import save_detector
from tocoad.files.workspace import Category, Workspace
from tocoad.nn.device import compute_context
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.package.reference import build_reference, pack_reference
from tocoad.settings.sections import ComputeSettings, WatchSettings
from tocoad.watch.watched import Watched

SIZE = 32


def pictures(count: int, seed: int) -> np.ndarray:
    """A bright disc that moves a little, and noise."""
    rng = np.random.default_rng(seed)
    images = np.full((count, SIZE, SIZE, 3), 90, np.uint8)
    for image in images:
        cv2.circle(image, (int(rng.integers(14, 19)), int(rng.integers(14, 19))), 8, (180, 200, 170), -1)
    return np.clip(images + rng.normal(0, 6, images.shape), 0, 255).astype(np.uint8)


def packaged(folder: Path, seed: int) -> Path:
    """A detector with a reference of 20 pictures."""
    detector = load_detector(save_detector(folder, seed, SIZE))
    train, normals = pictures(20, 1), pictures(20, 2)
    with compute_context(ComputeSettings(device="cpu")) as compute:
        scores = detector.predict(normals).pred_score
        pack_reference(folder, detector, build_reference(detector.model, train, normals, scores, compute))
    return folder


class Camera:
    """A category of the test's own, its champions, and the folder that its camera writes to."""

    def __init__(self, tracking: Tracking, root: Path, name: str = "gear") -> None:
        self.workspace = Workspace(root / "workspace")
        self.registry = Registry(tracking.client)
        self.category = Category(root.name.replace("_", "-")[:40], name)
        self.folder = root / "camera" / name
        self._tracking, self._shots = tracking, 0

    def promote(self, package: Path) -> None:
        name = self.category.model_name
        tags = {"package_sha256": package_sha256(package)}
        with self._tracking.run(self._tracking.experiment("watch"), self.category.name) as run:
            version = self.registry.register(name, run, package, pictures(1, 0)[0], tags).version
        log = DecisionLog(self.registry, name)
        log.append(log.entry("promote", log.settled(), version))
        log.settled()

    def shoot(self, images: np.ndarray) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for image in images:
            self._shots += 1
            file = self.folder / f"{self._shots:04d}.png"
            Image.fromarray(image).save(file)
            os.utime(file, (self._shots, self._shots))

    def look(self, settings: WatchSettings | None = None) -> Watched:
        return watch_category(self.workspace, self.registry, self.category, self.folder, settings or WatchSettings())
