from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from tocoad.data.naming import LONGEST_NAME, MAP_SUFFIX, MASK_ENDING, NAME_MAX, cut_name, is_shortened, name_bytes
from tocoad.data.naming import shortened_name as shortened

names = st.binary(min_size=1, max_size=NAME_MAX).map(lambda data: os.fsdecode(data.replace(b"/", b"_")))


def test_what_writers_add_to_the_longest_name_fits() -> None:
    stem = "n" * (LONGEST_NAME - len(".png"))
    for added in (MASK_ENDING + ".jpeg", MASK_ENDING + ".tiff", f"-999999{MAP_SUFFIX}"):
        assert name_bytes(stem + added) <= NAME_MAX


@given(names, st.integers(0, NAME_MAX))
def test_a_cut_name_is_a_beginning_of_whole_characters(name: str, longest: int) -> None:
    cut = cut_name(name, longest)
    assert name_bytes(cut) <= longest
    assert cut == name or "\ufffd" not in cut


def test_no_character_is_cut_in_two() -> None:
    assert cut_name("aü", 2) == "a"
    assert cut_name("aü", 3) == "aü"


@given(names, names)
def test_shortened_names_tell_names_apart_and_themselves(one: str, two: str) -> None:
    first, second = shortened(one, 100), shortened(two, 100)
    assert (first == second) == (one == two)
    assert is_shortened(first) and name_bytes(first) <= 100
