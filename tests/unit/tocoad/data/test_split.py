from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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


digest = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
settings = st.builds(
    SplitSettings,
    calibration_fraction=st.sampled_from([0.0, 0.15, 0.5, 1.0]),
    calibration_min=st.integers(1, 4),
    train_min=st.integers(2, 5),
)
grouped = st.dictionaries(digest, st.sampled_from([None, *"abcdefgh"]), max_size=40)


def named(groups: dict[str, str | None]) -> dict[str, str]:
    return {digest: group for digest, group in groups.items() if group is not None}


def kept_of(groups: dict[str, str | None], split: SplitSettings) -> frozenset[str]:
    try:
        return calibration_digests(groups, split, named(groups))
    except TooFewError:
        assume(False)
        raise


def by_the_rule_without_groups(contents: set[str], split: SplitSettings) -> set[str]:
    """As it was before there were groups."""
    ordered = sorted(contents)
    below = sum(int(digest, 16) / 2.0**256 < split.calibration_fraction for digest in ordered)
    return set(ordered[: min(max(below, split.calibration_min), len(ordered) - split.train_min)])


@given(st.sets(digest, max_size=40), settings)
def test_without_groups_every_image_is_where_it_always_was(contents: set[str], split: SplitSettings) -> None:
    assume(len(contents) >= split.train_min + split.calibration_min)
    assert calibration_digests(contents, split) == by_the_rule_without_groups(contents, split)


@given(grouped, settings)
def test_no_group_is_parted_and_both_parts_keep_their_minimum(
    groups: dict[str, str | None], split: SplitSettings
) -> None:
    kept = kept_of(groups, split)
    for name in set(named(groups).values()):
        members = {digest for digest, group in groups.items() if group == name}
        assert members <= kept or not members & kept
    assert len(kept) >= split.calibration_min and len(groups) - len(kept) >= split.train_min


@given(grouped, grouped, st.sampled_from([0.15, 0.5]))
def test_adding_images_moves_no_other_group(
    before: dict[str, str | None], new: dict[str, str | None], fraction: float
) -> None:
    """Where there are enough of both that no minimum decides."""
    split = SplitSettings(calibration_fraction=fraction, calibration_min=1, train_min=2)
    after = {**new, **before}
    numbers = {group: int(hashlib.sha256(f"group {group}".encode()).hexdigest(), 16) / 2**256 for group in "abcdefgh"}
    for groups in (before, after):
        low = {
            digest
            for digest, group in groups.items()
            if (numbers[group] if group else int(digest, 16) / 2**256) < fraction
        }
        assume(len(low) >= 1 and len(groups) - len(low) >= 2)
    assert kept_of(after, split) & set(before) == kept_of(before, split)


def test_groups_too_large_for_both_parts_are_refused_with_the_numbers() -> None:
    split, every = SplitSettings(calibration_min=8, train_min=10), digests(20)
    with pytest.raises(TooFewError, match=r"^20 different good images in 2 groups, which cannot be parted so"):
        calibration_digests(every, split, {digest: "ab"[n % 2 and n > 7] for n, digest in enumerate(every)})
    assert len(calibration_digests(every, split, {digest: "ab"[n > 9] for n, digest in enumerate(every)})) == 10


def test_a_group_for_which_there_is_no_room_is_passed_over() -> None:
    split, every = SplitSettings(calibration_fraction=0.0, calibration_min=3, train_min=10), digests(20)
    large = dict.fromkeys(every[:15], "large")
    assert calibration_digests(every, split, large) <= set(every[15:])
