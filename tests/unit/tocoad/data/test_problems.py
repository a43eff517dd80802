from __future__ import annotations

import os
import pickle
from pathlib import Path

from tocoad.data.problems import DataError, Problem
from tocoad.errors import StageError


def test_one_problem_is_one_line() -> None:
    assert str(DataError([Problem(Path("a/b.png"), "too dark")])) == "a/b.png: too dark"


def test_text_shows_the_first_ten_problems_and_counts_the_others() -> None:
    error = DataError(Problem(Path(f"{number:02d}.png"), "bad") for number in reversed(range(13)))
    lines = str(error).splitlines()
    assert lines[:10] == [f"{number:02d}.png: bad" for number in range(10)]
    assert lines[10] == "... and 3 more"
    assert lines[11].startswith("13 problems: mend or remove")
    assert len(error.problems) == 13


def test_problem_found_twice_is_told_once() -> None:
    assert len(DataError([Problem(Path("a"), "bad"), Problem(Path("a"), "bad")]).problems) == 1


def test_name_that_cannot_be_printed_is_escaped() -> None:
    assert str(Problem(Path("a\nb.png"), "bad")) == r"a\nb.png: bad"
    assert str(Problem(Path(os.fsdecode(b"a\xff.png")), "bad")).isprintable()


def test_data_error_ends_a_stage_as_any_other_that_the_user_can_mend() -> None:
    assert issubclass(DataError, StageError)


def test_an_error_that_comes_from_another_process_says_the_same() -> None:
    error = DataError([Problem(Path("a.png"), "bad"), Problem(Path("b.png"), "worse")])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.problems == error.problems
