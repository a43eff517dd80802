"""A look at new images, with a champion of a real registry: what is told, and what is told once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from services.mlflow.tracking import Tracking
from services.watch import watched_folders
from tests.helpers.camera import Camera, packaged, pictures
from tests.helpers.packages import as_format_1
from tocoad.errors import SettingsError
from tocoad.package.card import REFERENCE_FILE
from tocoad.package.detector import PackageError

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("services", ["local"], indirect=True)]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packaged(tmp_path_factory.mktemp("first") / "detector", 1)


@pytest.fixture
def line(tracking: Tracking, tmp_path: Path, package: Path) -> Camera:
    made = Camera(tracking, tmp_path)
    made.promote(package)
    return made


def test_a_change_is_told_once_and_again_of_the_next_champion(line: Camera, tmp_path: Path) -> None:
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


def test_the_newest_images_alone_are_compared(line: Camera) -> None:
    line.shoot((pictures(40, 3) * 0.5).astype(np.uint8))
    line.shoot(pictures(32, 4))
    assert line.look().outcome == "as before"


def test_an_image_that_is_being_written_is_left_out_by_name(line: Camera) -> None:
    line.shoot(pictures(31, 3))
    half = line.folder / "9999.png"
    half.write_bytes((line.folder / "0001.png").read_bytes()[:300])
    found = line.look()
    assert (found.outcome, found.images, found.unreadable) == ("as before", 31, (str(half),))


def test_what_cannot_be_compared_is_said_and_is_no_alarm(line: Camera, tmp_path: Path) -> None:
    assert line.look().outcome == "no images"
    line.shoot(pictures(5, 3))
    assert line.look().outcome == "too few"
    line.promote(as_format_1(packaged(tmp_path / "old", 3)))
    found = line.look()
    assert found.outcome == "no reference"
    assert found.sentence == "version 2 was packaged before references were: its next training gives it one"


def test_a_category_without_a_champion_has_nothing_to_be_compared_with(tracking: Tracking, tmp_path: Path) -> None:
    assert Camera(tracking, tmp_path).look().outcome == "no champion"


def test_a_damaged_reference_is_an_error_and_no_silence(line: Camera, tmp_path: Path) -> None:
    broken = packaged(tmp_path / "broken", 4)
    (broken / REFERENCE_FILE).write_bytes(b"nothing")
    line.promote(broken)
    line.shoot(pictures(32, 3))
    with pytest.raises(PackageError, match=r"reference\.npz"):
        line.look()


def test_images_lie_in_a_folder_for_each_category_or_are_those_of_one(line: Camera) -> None:
    line.shoot(pictures(1, 3))
    folders = partial(watched_folders, line.registry, line.category.dataset)
    assert folders(None, line.folder.parent) == {line.category: line.folder}
    assert folders(["gear"], line.folder) == {line.category: line.folder}
    with pytest.raises(SettingsError, match="no such folder"):
        folders(None, line.folder / "elsewhere")
    with pytest.raises(SettingsError, match="no registered category 'gaer'; it has gear"):
        folders(["gaer"], line.folder)
