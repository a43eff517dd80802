"""The flowcharts of our pages: read, and given a place for each box.

What our pages use of Mermaid's language is read and no more: nodes with a text or without, chains of arrows, a text on
an arrow, one level of named groups. Places are found by grandalf, with which `dvc dag` draws too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

Point = tuple[float, float]
LETTER, LINE, PAD = 6.6, 17, 12
"""The mean width of a letter and the height of a line at 13 px; the space in a box."""
_GAP = 40
_HEAD = re.compile(r"flowchart (TD|LR)$")
_GROUP = re.compile(r'subgraph \w+\["(.+)"\]$')
_ARROW = re.compile(r'\s*--(?: "(.+?)" --)?>\s*')
_NODE = re.compile(r'(\w+)(?:\[\(?"?(.+?)"?\)?\])?$')


class FlowchartError(ValueError):
    """A line that is not of the part of the language that our pages use."""


@dataclass(eq=False)
class Box:
    """A node. `w`, `h` and `xy` are grandalf's, which lays out from top to bottom alone: what is to go from left to
    right is turned before and after.
    """

    lines: list[str]
    turned: bool
    xy: Point = (0, 0)

    @property
    def size(self) -> Point:
        return max(map(len, self.lines)) * LETTER + 2 * PAD, len(self.lines) * LINE + PAD

    @property
    def w(self) -> float:
        return self.size[self.turned]

    @property
    def h(self) -> float:
        return self.size[not self.turned]

    @property
    def centre(self) -> Point:
        return self.xy[::-1] if self.turned else self.xy

    @property
    def corners(self) -> tuple[Point, Point]:
        """The upper left one and the lower right one."""
        (x, y), (width, height) = self.centre, self.size
        return (x - width / 2, y - height / 2), (x + width / 2, y + height / 2)


@dataclass(eq=False)
class Arrow:
    """From one box to another; grandalf says by `setpath` which points it passes, the two centres included."""

    source: Box
    target: Box
    lines: list[str]
    path: list[Point] = field(default_factory=list)

    @property
    def label(self) -> Point:
        """The room that its text takes."""
        return max(map(len, self.lines), default=0) * LETTER, len(self.lines) * LINE

    def setpath(self, path: list[Point]) -> None:
        self.path = [point[::-1] if self.source.turned else point for point in path]


@dataclass
class Part:
    """A group, or all that stands in none."""

    title: str
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)


def read(text: str) -> list[Part]:
    """The groups of a chart, and what stands between them.

    Raises:
        FlowchartError: a line is not understood.
    """
    head, *lines = [line.strip() for line in text.strip().splitlines()]
    if not (found := _HEAD.match(head)):
        raise FlowchartError(f"{head!r} is no head of a flowchart")
    turned, parts = found[1] == "LR", [Part("")]
    for line in lines:
        if group := _GROUP.match(line):
            parts.append(Part(group[1]))
        elif line == "end":
            parts.append(Part(""))
        elif line:
            _read_chain(line, parts[-1], turned)
    return [part for part in parts if part.boxes]


def _read_chain(line: str, part: Part, turned: bool) -> None:
    first, *rest = _ARROW.split(line)
    before = _box(first, part, turned)
    for said, node in zip(rest[::2], rest[1::2], strict=True):
        after = _box(node, part, turned)
        part.arrows.append(Arrow(before, after, said.split("<br>") if said else []))
        before = after


def _box(text: str, part: Part, turned: bool) -> Box:
    if not (found := _NODE.match(text.strip())):
        raise FlowchartError(f"{text!r} is no node of a flowchart")
    name, label = found.groups()
    if name not in part.boxes:
        part.boxes[name] = Box((label or name).split("<br>"), turned)
    return part.boxes[name]


def place(part: Part) -> None:
    """Gives every box its centre and every arrow its path."""
    vertices = {id(box): Vertex(name) for name, box in part.boxes.items()}
    for box in part.boxes.values():
        vertices[id(box)].view = box
    edges = []
    for arrow in part.arrows:
        edge = Edge(vertices[id(arrow.source)], vertices[id(arrow.target)])
        edge.view = arrow
        edges.append(edge)
    graph: Any = Graph(list(vertices.values()), edges).C[0]
    layout = SugiyamaLayout(graph)
    turned = next(iter(part.boxes.values())).turned
    layout.xspace = 2 * PAD
    layout.yspace = _GAP + max((arrow.label[not turned] for arrow in part.arrows), default=0)
    layout.init_all()
    layout.draw()
