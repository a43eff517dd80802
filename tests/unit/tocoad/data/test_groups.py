from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.data.groups import Groups, group_of, unfit_lines
from tocoad.settings.sections import SplitSettings

TABLE = Groups(
    (
        ("train/good/1.png", "path"),
        ("*.png", "any"),
        ("train/good/part[[]7].png", "escaped"),
        ("test/*/9?.png", "behind"),
        ("2.png", "name"),
        ("test/crack/2.png", "path before name"),
    )
)


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("train/good/1.png", "path"),
        ("test/good/1.png", "any"),
        ("test/good/2.png", "name"),
        ("test/crack/2.png", "path before name"),
        ("test/crack/90.png", "any"),
        ("train/good/1.jpg", None),
    ],
)
def test_a_path_counts_before_a_name_and_both_before_what_fits_many(path: str, group: str | None) -> None:
    assert TABLE.of(path) == group


def test_a_name_with_brackets_is_first_of_all_a_name() -> None:
    assert Groups((("train/good/part[7].png", "a"),)).of("train/good/part[7].png") == "a"


def test_a_star_stands_for_a_part_of_one_name() -> None:
    table = Groups((("train/*", "a"), ("test/crack/*", "b")))
    assert [table.of(path) for path in ("train/good/1.png", "test/crack/1.png")] == [None, "b"]
    assert unfit_lines(["train/*", "1.png", "2.png"], ["train/good/1.png"]) == ["train/*", "2.png"]


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("train/good/SN12_1.png", "SN12"),
        ("test/crack/SN12_9.png", "SN12"),
        ("train/good/other.png", None),
        ("train/good/1.png", "path"),
    ],
)
def test_the_bracket_of_the_pattern_is_the_group_of_what_the_table_does_not_name(path: str, group: str | None) -> None:
    assert group_of(path, Groups(TABLE.lines[:1]), r"(SN\d+)_") == group


def test_what_changes_of_a_table_are_the_lines_of_single_images() -> None:
    table = Groups((("a*.png", "x"), ("train/good/a1.png", "y"), ("train/good/a2.png", "y")))
    changed = table.changed({"train/good/a3.png": "z", "train/good/a2.png": "z"}, ["train/good/a1.png"])
    assert changed.lines == (("a*.png", "x"), ("train/good/a2.png", "z"), ("train/good/a3.png", "z"))
    assert changed.text == "path,group\na*.png,x\ntrain/good/a2.png,z\ntrain/good/a3.png,z\n"


@pytest.mark.parametrize(
    ("pattern", "said"), [("SN(", "not a regular expression"), ("SN", "it has 0 groups"), ("(S)(N)", "it has 2 groups")]
)
def test_a_pattern_has_one_bracket(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SplitSettings(group_pattern=pattern)


def test_settings_without_a_pattern_are_what_they_were() -> None:
    assert SplitSettings().model_dump() == {"calibration_fraction": 0.15, "calibration_min": 8, "train_min": 10}
    assert not (Path(__file__).parents[4] / "params.yaml").read_text().count("\n  group_pattern:")
