"""Settings of an earlier state of a workspace."""

from __future__ import annotations

from tocoad.settings.earlier import earlier_settings

NOW = "seed: 1\ngate: {margin: 0.1}\nray: {address: here}\nprofile: demo\n"


def test_where_nothing_differs_but_comments_the_present_text_stays() -> None:
    then = "# of then\nray: {address: here}\nseed: 1\ngate:\n  margin: 0.1\nprofile: demo\n"
    assert earlier_settings(then, NOW).text == NOW and earlier_settings(then, NOW).keys == ()


def test_what_differs_is_told_by_its_key_and_the_text_of_then_is_taken_to_the_byte() -> None:
    then = "# of then\nray: {address: here}\nseed: 2\nextra: {deep: {er: 1}}\nprofile: demo\n"
    earlier = earlier_settings(then, NOW)
    assert earlier.text == then
    assert earlier.keys == ("seed", "extra.deep.er", "gate.margin")


def test_addresses_and_sizes_stay_those_of_this_machine() -> None:
    then = "# of then\nseed: 2\ngate: {margin: 0.1}\nray: {address: elsewhere}\nflow: {retries: 9}\nprofile: demo\n"
    assert earlier_settings(then.replace("seed: 2", "seed: 1"), NOW).text == NOW
    earlier = earlier_settings(then, NOW)
    assert earlier.keys == ("seed",)
    assert earlier.text.startswith("# of then\nseed: 2\n") and "elsewhere" not in earlier.text
    assert "address: here" in earlier.text


def test_a_plan_that_stood_there_then_does_not_come_back_into_it() -> None:
    then = "plan: {patchcore: [a/b]}\nseed: 2\ngate: {margin: 0.1}\nray: {address: here}\nprofile: demo\n"
    assert "plan" not in earlier_settings(then, NOW).text
