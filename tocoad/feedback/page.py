"""The review page: production images, what the champion says of them, and a verdict to choose; it writes the CSV."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocoad.feedback.record import Said
from tocoad.feedback.reviewing import ReviewImage
from tocoad.feedback.verdicts import VERDICTS
from tocoad.files.workspace import Category
from tocoad.report.render import render


@dataclass(frozen=True)
class Champion:
    """The detector whose scores the page shows; `threshold` is that of its images."""

    method: str
    threshold: float


def review_page(
    category: Category,
    images: Sequence[ReviewImage],
    names: Sequence[str],
    champion: Champion | None,
    types: Sequence[str],
    said: Mapping[str, Said],
    left_out: Sequence[str],
    generated: str,
) -> str:
    """`names` are how the page calls the images. `types` are the defect types to choose from, `said` the last words by
    pixel digest, and `left_out` sentences on the images that it does not show.
    """
    shown = [
        {
            "name": name,
            "doubt": image.doubt,
            "path": str(image.doubt.file),
            "size": image.size,
            "pictures": _pictures(image),
            "before": said.get(image.doubt.pixels),
        }
        for image, name in zip(images, names, strict=True)
    ]
    of_all = "".join(image.doubt.sha256 for image in images)
    return render(
        "review.html.j2",
        "review.js",
        {
            "category": category,
            "images": shown,
            "champion": champion,
            "types": types,
            "verdicts": VERDICTS,
            "left_out": left_out,
            "generated": generated,
            # Verdicts that a browser remembers belong to just these images.
            "key": hashlib.sha256(f"{category}\n{of_all}".encode()).hexdigest()[:32],
        },
    )


def _pictures(image: ReviewImage) -> list[tuple[str, str]]:
    """Title and `data:` address."""
    found = [("image", image.picture)]
    if image.overlay is not None:
        found.append(("prediction", image.overlay))
    return [(title, f"data:image/webp;base64,{base64.b64encode(data).decode()}") for title, data in found]
