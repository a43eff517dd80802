"""Matplotlib's figures as inline SVG that takes its colours and its type from the page."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:  # matplotlib 3.10 has no name for it
    from matplotlib.typing import RcKeyType

_WIDTH = 4.5  # inches; 324 units wide: on a phone a unit is about a pixel
# Drawn in colours that stand for names: the page says what `--miss` looks like, in light and in dark.
COLOURS = {
    name: f"#0a0b{number:02x}"
    for number, name in enumerate(
        ("ink", "muted", "line", "surface", "accent", "control", "miss", "reject", "caught", "passed", "calibration")
    )
}
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "path.simplify": True,
    "font.size": 10.5,
    "axes.edgecolor": COLOURS["line"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": COLOURS["ink"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.major.pad": 6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


def canvas(height: float, rows: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of `height` inches and its axes, one below the other; without pyplot, which would keep every figure."""
    drawing = Figure(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasSVG(drawing)
    return drawing, list(drawing.subplots(rows, 1, squeeze=False, **options)[:, 0])


def inline(figure: Figure, name: str, title: str, description: str) -> Markup:
    """The figure as an `<svg>` for a page; `name` keeps its ids apart from those of the page's other figures.

    The same figure gives the same text. Call it, and make the figure, within `matplotlib.rc_context(STYLE)`.
    """
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<svg[^>]*?viewBox=\"([^\"]*)\"[^>]*>", r'<svg viewBox="\1">', text, count=1, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    text = re.sub(r"font-family: [^;\"]*;?\s*", "", text)
    for colour_name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{colour_name})")
    head = (
        f'<svg class="chart" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'preserveAspectRatio="xMidYMid meet" viewBox='
    )
    labels = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    text = text.replace("<svg viewBox=", head, 1)
    opened = text.index(">") + 1
    # Every part is matplotlib's own XML or escaped above.
    return Markup(text[:opened] + labels + text[opened:].rstrip())  # noqa: S704
