from __future__ import annotations

from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.figure import Figure

from tocoad.report.svg import COLOURS, STYLE, inline


def test_a_chart_is_named_for_those_who_hear_it_and_its_words_are_escaped() -> None:
    with rc_context(STYLE):
        figure = Figure()
        figure.subplots().plot((0, 1), (0, 1), color=COLOURS["miss"], label="a < b & c")
        figure.legend()
        chart = inline(figure, "one", "a <b>", "c & d")
    root = ElementTree.fromstring(chart)
    assert root.get("role") == "img" and root.get("aria-labelledby") == "one-title one-desc"
    assert [(child.get("id"), child.text) for child in root[:2]] == [("one-title", "a <b>"), ("one-desc", "c & d")]
    assert "var(--miss)" in chart and "a &lt; b &amp; c" in chart
    assert root.get("width") is None and root.get("viewBox")


def test_the_names_colours_are_all_different() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)
