"""What the tables of categories share: the seven metrics as cells, and how many categories a screen takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized

# As two lines of a narrow column.
COLUMNS = {
    "image_AUROC": "image\nAUROC",
    "image_AP": "image\nAP",
    "image_F1Max": "image\nF1Max",
    "pixel_AUROC": "pixel\nAUROC",
    "pixel_AP": "pixel\nAP",
    "pixel_F1Max": "pixel\nF1Max",
    "pixel_AUPRO": "pixel\nAUPRO",
}
# More categories than this leave the screen: then a table shows the urgent ones, and no more of them.
SHOWN_MAX = 20
Figures = Mapping[str, float | None]


def cells(figures: Figures) -> list[str]:
    """A dash where there is no figure."""
    return [f"{value:.3f}" if (value := figures.get(name)) is not None else "-" for name in COLUMNS]


def means(rows: Iterable[Figures]) -> dict[str, float | None]:
    """Over the rows that have the figure."""
    kept = list(rows)
    found: dict[str, float | None] = {}
    for name in COLUMNS:
        values = [value for row in kept if (value := row.get(name)) is not None]
        found[name] = sum(values) / len(values) if values else None
    return found


def hint(shown: Sized, all_of: Sized) -> str:
    """How to see those that are not shown."""
    return "" if len(shown) == len(all_of) else f"; {len(shown)} shown: --all shows all, --json tells of all"
