"""What a look says, and when it says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tocoad.settings.sections import WatchSettings
from tocoad.watch.axes import Axes
from tocoad.watch.look import look
from tocoad.watch.reference import Reference

NAMES = ("score", "brightness", "contrast", "sharpness", "axis 1", "axis 2", "axis 3", "axis 4", "beside")


def _reference(images: int = 31) -> Reference:
    rng = np.random.default_rng(0)
    axes = Axes.through(rng.standard_normal((20, 30)).astype(np.float32), 4)
    return Reference(axes, rng.standard_normal((images, len(NAMES))))


def _window(images: int = 32) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((images, len(NAMES)))


def test_images_of_one_kind_are_as_before() -> None:
    found = look(_reference(), _window(), 0.01)
    assert not found.is_alarm
    assert found.sentence.startswith("the newest 32 images are as those of the calibration (p = 0.")


def test_an_alarm_names_what_changed_the_most_certain_first_and_the_images_to_look_at() -> None:
    window = _window()
    window[:, 1] -= 4
    window[:, 8] += 1.5
    window[[5, 17, 30], 1] = [-90, -80, -70]
    found = look(_reference(), window, 0.01)
    assert [(one.name, one.higher > 0.5) for one in found.moved] == [("brightness", False), ("beside", True)]
    assert found.sentence.endswith(": darker, unlike any training image")
    assert found.farthest == (5, 17, 30)


@pytest.mark.parametrize("column", range(len(NAMES)))
def test_every_statistic_can_raise_it(column: int) -> None:
    window = _window()
    window[:, column] += 5
    found = look(_reference(), window, 0.001)
    assert [one.name for one in found.moved] == [NAMES[column]]


def test_few_images_are_not_compared() -> None:
    found = look(_reference(), _window(7) + 100, 0.01)
    assert (found.p, found.is_alarm, found.sentence) == (None, False, "7 images are too few to compare")


def test_a_reference_of_two_images_can_tell_nothing_and_that_is_no_alarm() -> None:
    assert look(_reference(2), _window(8) + 100, 0.01).p is None


def test_the_smallest_rate_that_the_settings_take_can_still_raise_an_alarm() -> None:
    assert look(_reference(), _window() + 100, WatchSettings(false_alarm_rate=0.0001).false_alarm_rate).is_alarm
    with pytest.raises(ValueError, match="false_alarm_rate"):
        WatchSettings(false_alarm_rate=0.00005)


def test_a_reference_of_the_smallest_calibration_part_is_enough_for_a_great_change() -> None:
    assert look(_reference(8), _window() + 100, 0.01).is_alarm
