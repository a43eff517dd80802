from __future__ import annotations

import hashlib

import pytest

from tocoad.data.split import TooFewError, calibration_digests
from tocoad.settings.sections import SplitSettings


def digests(count: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]


def test_digests_below_the_fraction_are_kept_for_calibration() -> None:
    # In hexadecimal, a quarter of the range ends at 0x4000...
    low, high = "3f" + "f" * 62, "40" + "0" * 62
    split = SplitSettings(calibration_fraction=0.25, calibration_min=1, train_min=2)
    assert calibration_digests([low, high, "f" * 64], split) == {low}


def test_share_is_about_the_fraction() -> None:
    split = SplitSettings(calibration_fraction=0.15)
    # 3 standard deviations of a binomial of 2000 at 0.15.
    assert len(calibration_digests(digests(2000), split)) == pytest.approx(300, abs=48)


def test_adding_images_moves_no_other_one() -> None:
    split = SplitSettings(calibration_fraction=0.15, calibration_min=8)
    every = digests(400)
    before = calibration_digests(every[:200], split)
    assert len(before) > 8
    after = calibration_digests(every, split)
    assert before == after & set(every[:200])


def test_lowest_digests_fill_up_to_the_minimum() -> None:
    split = SplitSettings(calibration_fraction=0.0, calibration_min=3, train_min=2)
    every = digests(20)
    assert calibration_digests(every, split) == set(sorted(every)[:3])


def test_training_keeps_its_minimum() -> None:
    split = SplitSettings(calibration_fraction=1.0, calibration_min=2, train_min=15)
    assert len(calibration_digests(digests(20), split)) == 5


def test_too_few_for_both_minima_is_refused_with_the_numbers() -> None:
    split = SplitSettings(calibration_min=8, train_min=10)
    assert len(calibration_digests(digests(18), split)) == 8
    with pytest.raises(TooFewError, match=r"^17 different good images; at least 18 are needed .*train_min 10"):
        calibration_digests(digests(17), split)


def test_copies_count_once() -> None:
    split = SplitSettings(calibration_min=8, train_min=10)
    with pytest.raises(TooFewError, match=r"^17 different"):
        calibration_digests(digests(17) * 2, split)
