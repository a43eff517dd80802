"""A flowchart as SVG in the page, in the page's own colours, and the directive by which Sphinx comes to it."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from infra.docs.flowchart import LINE, PAD, Arrow, Box, Part, Point, place, read

_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)
_APART = 14
"""Between two arrows that go opposite ways."""


def drawing(text: str) -> str:
    """An SVG element, of a chart's text.

    Raises:
        FlowchartError: it is not of the part of the language that our pages use.
    """
    groups, width, height = [], 0.0, 0.0
    for part in read(text):
        place(part)
        elements, (wide, high) = _part(part)
        groups.append(f'<g transform="translate(0 {height:g})">{elements}</g>')
        width, height = max(width, wide), height + high + PAD
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    return f'<svg class="flowchart" {size}>{_TIP}{"".join(groups)}</svg>'


def _part(part: Part) -> tuple[str, Point]:
    """Its elements, from the corner on, and the room they take."""
    boxes = list(part.boxes.values())
    beside = max((arrow.label[0] for arrow in part.arrows), default=0.0)
    head = LINE + PAD / 2 if part.title else 0.0
    corners = [corner for box in boxes for corner in box.corners]
    xs, ys = zip(*corners, *(point for arrow in part.arrows for point in arrow.path), strict=True)
    left, top = min(xs) - PAD - beside, min(ys) - PAD - head
    width, height = max(xs) + PAD + beside - left, max(ys) + PAD - top
    inside = "".join([*(_arrow(arrow, part.arrows) for arrow in part.arrows), *map(_box, boxes)])
    moved = f'<g transform="translate({-left:g} {-top:g})">{inside}</g>'
    if part.title:
        frame = f'<rect class="group" x="1" y="1" width="{width - 2:.0f}" height="{height - 2:.0f}" rx="6"/>'
        moved = f'{frame}<text class="title" x="{PAD}" y="{LINE + 3}">{escape(part.title)}</text>{moved}'
    return moved, (width, height)


def _box(box: Box) -> str:
    (x, y), (width, height) = box.centre, box.size
    frame = f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="5"/>'
    return frame + _text(box.lines, x, y, "middle")


def _text(lines: list[str], x: float, y: float, anchor: str) -> str:
    first = y - (len(lines) - 1) * LINE / 2 + 4.5
    rows = "".join(f'<tspan x="{x:g}" y="{first + n * LINE:g}">{escape(line)}</tspan>' for n, line in enumerate(lines))
    return f'<text text-anchor="{anchor}">{rows}</text>'


def _arrow(arrow: Arrow, others: list[Arrow]) -> str:
    """Down the middle; of two that go opposite ways each keeps to its left, with its text outside."""
    opposed = any((other.source, other.target) == (arrow.target, arrow.source) for other in others)
    (x0, y0), (x1, y1) = arrow.path[0], arrow.path[-1]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    aside = (_APART * (y1 - y0) / length, _APART * (x0 - x1) / length) if opposed else (0.0, 0.0)
    path = [(x + aside[0], y + aside[1]) for x, y in arrow.path]
    path[0], path[-1] = _border(arrow.source, path[0], path[1]), _border(arrow.target, path[-1], path[-2])
    line = f'<path class="arrow" d="{_smooth(path)}" marker-end="url(#tip)"/>'
    if not arrow.lines:
        return line
    x, y = ((a + b) / 2 for a, b in zip(path[0], path[-1], strict=True))
    right = aside[0] >= 0
    return line + _text(arrow.lines, x + (8 if right else -8), y, "start" if right else "end")


def _border(box: Box, inside: Point, towards: Point) -> Point:
    """Where the line from a point in the box to another leaves it."""
    (x, y), (dx, dy) = inside, (towards[0] - inside[0], towards[1] - inside[1])
    (cx, cy), (width, height) = box.centre, box.size
    shares = [1.0]
    if dx:
        shares.append((cx + (width if dx > 0 else -width) / 2 - x) / dx)
    if dy:
        shares.append((cy + (height if dy > 0 else -height) / 2 - y) / dy)
    share = min(share for share in shares if share >= 0)
    return x + share * dx, y + share * dy


def _smooth(path: list[Point]) -> str:
    """Straight from the first point to the last, rounded at those between."""
    steps = [f"M{path[0][0]:.1f} {path[0][1]:.1f}"]
    for (x, y), (after_x, after_y) in pairwise(path[1:]):
        steps.append(f"Q{x:.1f} {y:.1f} {(x + after_x) / 2:.1f} {(y + after_y) / 2:.1f}")
    steps.append(f"L{path[-1][0]:.1f} {path[-1][1]:.1f}")
    return "".join(steps)


class _Mermaid(SphinxDirective):
    has_content = True

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", drawing("\n".join(self.content)), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("mermaid", _Mermaid)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
