"""A look at new images, with a champion of a real registry: what is told, and what is told once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.watch import watch_category, watched_folders
from tests.helpers.packages import as_format_1, save_detector
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.nn.device import compute_context
from tocoad.package.card import REFERENCE_FILE, package_sha256
from tocoad.package.detector import PackageError, load_detector
from tocoad.package.reference import build_reference, pack_reference
from tocoad.settings.sections import ComputeSettings, WatchSettings
from tocoad.watch.watched import Watched

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("services", ["local"], indirect=True)]

SIZE, SETTINGS = 32, WatchSettings()


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


class Line:
    """A category of the test's own, its champions, and the folder that its camera writes to."""

    def __init__(self, tracking: Tracking, root: Path) -> None:
        self.workspace = Workspace(root / "workspace")
        self.registry = Registry(tracking.client)
        self.category = Category(root.name.replace("_", "-")[:40], "gear")
        self.camera = root / "camera" / "gear"
        self._tracking, self._shots = tracking, 0

    def promote(self, package: Path) -> None:
        name = self.category.model_name
        tags = {"package_sha256": package_sha256(package)}
        with self._tracking.run(self._tracking.experiment("watch"), "gear") as run:
            version = self.registry.register(name, run, package, pictures(1, 0)[0], tags).version
        log = DecisionLog(self.registry, name)
        log.append(log.entry("promote", log.settled(), version))
        log.settled()

    def shoot(self, images: np.ndarray) -> None:
        self.camera.mkdir(parents=True, exist_ok=True)
        for image in images:
            self._shots += 1
            file = self.camera / f"{self._shots:04d}.png"
            Image.fromarray(image).save(file)
            os.utime(file, (self._shots, self._shots))

    def look(self, settings: WatchSettings = SETTINGS) -> Watched:
        return watch_category(self.workspace, self.registry, self.category, self.camera, settings)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packaged(tmp_path_factory.mktemp("first") / "detector", 1)


@pytest.fixture
def line(tracking: Tracking, tmp_path: Path, package: Path) -> Line:
    made = Line(tracking, tmp_path)
    made.promote(package)
    return made


def test_a_change_is_told_once_and_again_of_the_next_champion(line: Line, tmp_path: Path) -> None:
    line.shoot(pictures(32, 3))
    before = line.look()
    assert (before.outcome, before.version, before.images) == ("as before", 1, 32)
    assert line.look().outcome == "nothing new"

    line.shoot((pictures(32, 4) * 0.7).astype(np.uint8))
    dark = line.look()
    assert dark.outcome == "alarm" and "darker" in dark.moved
    assert all(int(Path(file).stem) > 32 for file in dark.farthest) and len(dark.farthest) == 3
    line.shoot((pictures(1, 5) * 0.7).astype(np.uint8))
    again = line.look()
    assert (again.outcome, again.alarm) == ("alarm told", dark.alarm)

    line.promote(packaged(tmp_path / "second", 2))
    assert (line.look().outcome, line.look().outcome) == ("alarm", "nothing new")


def test_the_newest_images_alone_are_compared(line: Line) -> None:
    line.shoot((pictures(40, 3) * 0.5).astype(np.uint8))
    line.shoot(pictures(32, 4))
    assert line.look().outcome == "as before"


def test_an_image_that_is_being_written_is_left_out_by_name(line: Line) -> None:
    line.shoot(pictures(31, 3))
    half = line.camera / "9999.png"
    half.write_bytes((line.camera / "0001.png").read_bytes()[:300])
    found = line.look()
    assert (found.outcome, found.images, found.unreadable) == ("as before", 31, (str(half),))


def test_what_cannot_be_compared_is_said_and_is_no_alarm(line: Line, tmp_path: Path) -> None:
    assert line.look().outcome == "no images"
    line.shoot(pictures(5, 3))
    assert line.look().outcome == "too few"
    line.promote(as_format_1(packaged(tmp_path / "old", 3)))
    found = line.look()
    assert found.outcome == "no reference"
    assert found.sentence == "version 2 was packaged before references were: its next training gives it one"


def test_a_category_without_a_champion_has_nothing_to_be_compared_with(tracking: Tracking, tmp_path: Path) -> None:
    assert Line(tracking, tmp_path).look().outcome == "no champion"


def test_a_damaged_reference_is_an_error_and_no_silence(line: Line, tmp_path: Path) -> None:
    broken = packaged(tmp_path / "broken", 4)
    (broken / REFERENCE_FILE).write_bytes(b"nothing")
    line.promote(broken)
    line.shoot(pictures(32, 3))
    with pytest.raises(PackageError, match=r"reference\.npz"):
        line.look()


def test_images_lie_in_a_folder_for_each_category_or_are_those_of_one(line: Line) -> None:
    line.shoot(pictures(1, 3))
    folders: Callable[..., object] = lambda names, images: watched_folders(  # noqa: E731
        line.registry, line.category.dataset, names, images
    )
    assert folders(None, line.camera.parent) == {line.category: line.camera}
    assert folders(["gear"], line.camera) == {line.category: line.camera}
    with pytest.raises(SettingsError, match="no such folder"):
        folders(None, line.camera / "elsewhere")
    with pytest.raises(SettingsError, match="no registered category 'gaer'; it has gear"):
        folders(["gaer"], line.camera)
