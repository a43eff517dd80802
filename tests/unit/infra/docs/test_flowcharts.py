"""Our pages' flowcharts become drawings that can be read."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from infra.docs.flowchart import FlowchartError, place, read
from infra.docs.flowchart_drawing import drawing
from tests.helpers.project import PROJECT

CHARTS = [
    chart
    for page in sorted((PROJECT / "docs").rglob("*.md"))
    for chart in re.findall(r"^```mermaid\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("chart", CHARTS, ids=range(len(CHARTS)))
def test_no_box_of_our_charts_covers_another(chart: str) -> None:
    for part in read(chart):
        place(part)
        for one, other in combinations(part.boxes.values(), 2):
            apart = [abs(a - b) for a, b in zip(one.centre, other.centre, strict=True)]
            room = [(a + b) / 2 for a, b in zip(one.size, other.size, strict=True)]
            assert apart[0] >= room[0] or apart[1] >= room[1], (one.lines, other.lines)


def test_a_chart_goes_where_its_head_says() -> None:
    for head, axis in (("LR", 0), ("TD", 1)):
        (part,) = read(f"flowchart {head}\n  a[first] --> b[second] --> c[third]")
        place(part)
        a, b, c = (part.boxes[name].centre for name in "abc")
        assert a[axis] < b[axis] < c[axis] and a[1 - axis] == b[1 - axis] == c[1 - axis]


def test_boxes_groups_and_what_stands_on_arrows_are_in_the_drawing() -> None:
    text = 'flowchart TD\n  subgraph G["a <group>"]\n  a["two<br>lines"] -- "says" --> b[(store)]\n  b --> a\n  end'
    svg = drawing(text)
    assert re.findall(r"<tspan[^>]*>(.*?)</tspan>", svg) == ["says", "two", "lines", "store"]
    assert "a &lt;group&gt;" in svg and svg.count('class="arrow"') == 2 and svg.count("<rect") == 3


@pytest.mark.parametrize("text", ["sequenceDiagram\n  a->>b: hello", "flowchart TD\n  a{question} --> b"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(FlowchartError, match="is no"):
        drawing(text)
