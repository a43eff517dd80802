from __future__ import annotations

import pytest

from tocoad.report import text


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.9524, "95.2 %"), (0.0, "0.0 %"), (1.0, "100.0 %"), (0.0004, "< 0.1 %"), (0.9996, "> 99.9 %"), (None, "–")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float | None, shown: str) -> None:
    assert text.percent(share).replace(text.NBSP, " ") == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.01234, "+0.0123"), (-0.5, "−0.5000"), (-0.00001, "0.0000"), (0.00001, "0.0000")]
)
def test_a_difference_that_rounds_to_nothing_has_no_sign(value: float, shown: str) -> None:
    assert text.signed(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(19.64049, "19.64"), (0.00123456, "0.001235"), (123456.7, "123457"), (10.0, "10"), (0.0, "0")]
)
def test_a_score_keeps_the_digits_that_count(value: float, shown: str) -> None:
    assert text.score(value) == shown


def test_two_scores_that_differ_are_printed_differently() -> None:
    assert text.apart(19.6405, 19.6404) == ("19.6405", "19.6404")
    assert text.apart(23.78, 19.64) == ("23.78", "19.64")
    assert text.apart(5.0, 5.0) == ("5", "5")


def test_lists_and_counts_read_as_a_sentence() -> None:
    assert [text.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert (text.counted(1, "image"), text.counted(0, "image"), text.counted(2, "category", "categories")) == (
        "1 image",
        "0 images",
        "2 categories",
    )


def test_a_long_name_may_break_and_stays_escaped() -> None:
    assert text.breakable("a_b-c/<d>") == "a_<wbr>b-<wbr>c/<wbr>&lt;d&gt;"
    assert text.breakable("") == ""
