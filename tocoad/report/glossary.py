"""What the names on the pages mean, for a reader who meets them for the first time.

`python -m tocoad.report.glossary docs/explanation/glossary.md` brings the page of the documentation up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tocoad.metrics.names import FurtherName, MetricName
from tocoad.settings.sections import CONTROL, MethodName
from tocoad.stages.graph import METHODS

METRICS: Mapping[MetricName, str] = {
    "image_AUROC": "The chance that a defective image scores higher than a good one. 0.5 is guessing, 1 is perfect.",
    "image_AP": "Average precision: how pure the list of rejected images stays while more defects are caught.",
    "image_F1Max": "The best balance of precision and recall that a threshold chosen on the test labels reaches.",
    "pixel_AUROC": "The same as image_AUROC over pixels. Defects are small, so it is near 1 for almost any detector.",
    "pixel_AP": "Average precision over pixels: the strictest of the pixel figures.",
    "pixel_F1Max": "The best overlap of marked and truly defective pixels that any threshold could reach.",
    "pixel_AUPRO": "How much of each defect is covered, large or small alike, while few good pixels are marked.",
}
FURTHER: Mapping[FurtherName, str] = {
    "pixel_AUPRO_at_0.05": "AUPRO with at most 5 % of the good pixels marked, where the usual limit is 30 %.",
    "pixel_AUPRO_per_image": "AUPRO with thresholds of its own for every image, as RD4AD and ReContrast report it.",
    "pixel_AUPIMO": "Per-image overlap at very few false pixels, 0.001 % to 0.01 % of each good image, averaged.",
}
TERMS: Mapping[str, str] = {
    "score, threshold": "The detector gives every image one score; higher is more anomalous. It rejects an image whose "
    "score is above the threshold.",
    "miss, caught": "A defective image that passes, or is rejected.",
    "false reject, passed": "A good image that is rejected, or passes.",
    "recall": "The share of defective images that are caught.",
    "95 % interval": "Where the true figure may lie, given how few images were tested. Counts: Clopper-Pearson. "
    "Metrics and differences: bootstrap over images.",
    "control": f"A method that is judged on the same images, for comparison: what the training has to beat. "
    f"{METHODS[CONTROL].about}",
    "calibration images": "Good images kept out of training, on which the threshold is set. No defect is needed.",
    "gate": "The automatic rules that decide whether a new detector takes the place of the one in use.",
    "champion, challenger": "The detector in use, and the new one that is to take its place.",
    "lost, gained": "Test images that the champion judges rightly and the challenger does not, and the reverse.",
    "unsure": "What a rule finds where the test images are too few to tell. The owner's settings say what follows.",
    "heat map": "The score of every place of the image, in the same colours for every image of the category.",
}


def terms(*methods: MethodName) -> dict[str, str]:
    """The words of a page, and what its methods are."""
    return {**{name: METHODS[name].about for name in methods if name != CONTROL}, **TERMS}


_BEGIN, _END = "<!-- generated: python -m tocoad.report.glossary -->", "<!-- end -->"


def markdown() -> str:
    """The definitions as tables, between the marks that say where they come from."""
    metrics = {f"`{name}`": meaning for part in (METRICS, FURTHER) for name, meaning in part.items()}
    parts = {"word of the report": TERMS, "metric": metrics}
    tables = [
        "\n".join([f"| {title} | |", "|---|---|", *(f"| {name} | {meaning} |" for name, meaning in rows.items())])
        for title, rows in parts.items()
    ]
    return "\n\n".join([_BEGIN, *tables, _END])


def main(page: Path) -> None:
    """Puts the tables in the place of those that stand between the marks."""
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(f"{_BEGIN}.*?{_END}", lambda _: markdown(), text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
