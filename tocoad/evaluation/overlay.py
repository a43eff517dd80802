"""Pictures of a judged image: input, truth, heat map and prediction, on one fixed scale for a category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import read_image
from tocoad.evaluation.evaluate import JudgedImage
from tocoad.pictures.heatmap import PREDICTED, Picture, heat_colours, heat_overlay, outline

if TYPE_CHECKING:
    from tocoad.package.card import DetectorCard

PANEL = 256  # pixels of a panel's longer side
_GAP, _HEADER = 4, 22
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_TRUTH = (80, 200, 60)  # BGR: green


@dataclass(frozen=True)
class Panels:
    """One image in pictures of the same size (BGR): as it is, with the truth's outline, as a heat map, and with the
    heat map over it and the outline of what is predicted. `truth` is None where it is not known.
    """

    image: Picture
    truth: Picture | None
    heat_map: Picture
    overlay: Picture

    def named(self) -> dict[str, Picture]:
        known = {} if self.truth is None else {"truth": self.truth}
        return {"image": self.image, **known, "heat_map": self.heat_map, "overlay": self.overlay}


def has_masks(images: Sequence[JudgedImage]) -> bool:
    return any(image.packed_mask is not None for image in images)


def draw_panels(image: JudgedImage, data_dir: Path, card: DetectorCard, masks: bool) -> Panels:
    """The heat map is on the category's fixed scale, from the detector's card.

    `masks`: the category has some. Then a good image has its truth too, which is that nothing is outlined.
    """
    scale = card.calibration.scale
    picture = cv2.cvtColor(read_image(data_dir / image.record.path, card.depth), cv2.COLOR_RGB2BGR)
    factor = PANEL / max(picture.shape[:2])
    size = (max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1))
    picture = _resize(picture, size)
    anomaly_map = _resize(image.anomaly_map, size)
    gt_mask = image.gt_mask
    truth = picture if masks and image.record.gt_label == 0 else None
    if gt_mask is not None:
        # Any coverage counts: a defect smaller than a pixel of the panel must not vanish.
        truth = outline(picture, _resize(gt_mask.astype(np.float32), size) > 0, _TRUTH)
    blended = heat_overlay(picture, anomaly_map, scale)
    return Panels(
        image=picture,
        truth=truth,
        heat_map=heat_colours(anomaly_map, scale),
        overlay=outline(blended, anomaly_map > card.pixel_threshold, PREDICTED),
    )


def draw_strip(image: JudgedImage, data_dir: Path, card: DetectorCard, masks: bool) -> Picture:
    """The panels side by side, with a header."""
    verdict = "anomalous" if image.pred_label else "normal"
    header = f"{image.record.defect_type}: {verdict}, score {image.pred_score:.4g} / {card.image_threshold.value:.4g}"
    return _strip(header, list(draw_panels(image, data_dir, card, masks).named().values()))


def contact_sheet(strips: Sequence[Picture]) -> Picture:
    """The strips below each other, at least one; narrower ones are filled up with white."""
    width = max(strip.shape[1] for strip in strips)
    rows = [_pad(strip, right=width - strip.shape[1], bottom=_GAP) for strip in strips]
    return np.concatenate(rows)


def _strip(text: str, panels: Sequence[Picture]) -> Picture:
    row = np.concatenate([_pad(panel, right=_GAP) for panel in panels], axis=1)
    header = np.full((_HEADER, row.shape[1], 3), 255, np.uint8)
    cv2.putText(header, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _BLACK, 1, cv2.LINE_AA)
    return np.concatenate([header, row])


def _resize(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    shrinks = size[0] < array.shape[1]
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _pad(picture: Picture, right: int = 0, bottom: int = 0) -> Picture:
    return cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=_WHITE)
