"""The contact sheet: what the generators do to this category, at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from tocoad.synthesis.augment import Image
from tocoad.synthesis.generator import SyntheticSample
from tocoad.synthesis.placement import Mask

TILE = 192
GAP = 4
LABEL_HEIGHT = 22
LABEL_TEXT = 15
PAPER = (255, 255, 255)
INK = (20, 20, 20)
OUTLINE = (255, 0, 160)
WASHED_OUT = 0.75


@dataclass(frozen=True)
class Row:
    """Images uint8 `(S, S, 3)` of any one size, side by side under a label."""

    label: str
    images: Sequence[Image]


def sample_rows(title: str, normals: Sequence[Image], samples: Sequence[SyntheticSample]) -> list[Row]:
    """Three rows: the normal images, what the generator made of them, and the same with the masks' outlines."""
    return [
        Row(f"{title}: normal", normals),
        Row(f"{title}: synthetic", [sample.image for sample in samples]),
        Row(f"{title}: mask", [outlined(sample.image, sample.gt_mask) for sample in samples]),
    ]


def outlined(image: Image, mask: Mask) -> Image:
    """A line around the mask, not on it, in a copy of the image at the sheet's size."""
    canvas = _tile(image)
    large = cv2.resize(mask.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    around = cv2.dilate(large, np.ones((3, 3), dtype=np.uint8), iterations=2)
    outlines, _ = cv2.findContours(around, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(canvas, outlines, -1, OUTLINE, 1), dtype=np.uint8)


def highlighted(image: Image, foreground: Mask) -> Image:
    """The image with everything but the foreground washed out."""
    paled = cv2.addWeighted(image, 1.0 - WASHED_OUT, np.full_like(image, 255), WASHED_OUT, 0.0)
    return np.where(foreground[..., None], image, paled)


def contact_sheet(title: str, rows: Sequence[Row]) -> PillowImage.Image:
    """RGB. Rows may be of different lengths."""
    columns = max(len(row.images) for row in rows)
    height = LABEL_HEIGHT + len(rows) * (LABEL_HEIGHT + TILE + GAP)
    sheet = PillowImage.new("RGB", (GAP + columns * (TILE + GAP), height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LABEL_TEXT)
    draw.text((GAP, 2), title, fill=INK, font=font)
    top = LABEL_HEIGHT
    for row in rows:
        draw.text((GAP, top + 2), row.label, fill=INK, font=font)
        for column, image in enumerate(row.images):
            sheet.paste(PillowImage.fromarray(_tile(image)), (GAP + column * (TILE + GAP), top + LABEL_HEIGHT))
        top += LABEL_HEIGHT + TILE + GAP
    return sheet


def _tile(image: Image) -> Image:
    """A copy `(TILE, TILE, 3)`."""
    method = cv2.INTER_AREA if len(image) > TILE else cv2.INTER_LINEAR
    return np.array(cv2.resize(image, (TILE, TILE), interpolation=method), dtype=np.uint8)
