"""Heat-map overlays: input | truth | heat map | prediction, side by side, one fixed scale for a category.

The scale comes with the detector, from its calibration normals: colours of two images, and of two runs on the same
detector, mean the same score. Nothing is stretched to an image's own range, so a good part stays dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import read_image
from tocoad.evaluation.evaluate import JudgedImage

PANEL = 256  # pixels of a panel's longer side
_GAP, _HEADER = 4, 22
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_TRUTH, _PREDICTED = (80, 200, 60), (255, 220, 0)  # BGR: green, cyan
_OPACITY = 0.7

Picture: TypeAlias = NDArray[Any]  # uint8 (H, W, 3), BGR as OpenCV writes it


def draw_overlay(
    image: JudgedImage, data_dir: Path, scale: tuple[float, float], image_threshold: float, pixel_threshold: float
) -> Picture:
    """One strip of four panels with a header; `scale` is the map's value at black and at the brightest colour."""
    picture = cv2.cvtColor(read_image(data_dir / image.record.path), cv2.COLOR_RGB2BGR)
    factor = PANEL / max(picture.shape[:2])
    size = (max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1))
    picture = _resize(picture, size)
    anomaly_map = _resize(image.anomaly_map, size)
    low, high = scale
    level = np.clip((anomaly_map - low) / (high - low), 0.0, 1.0)
    colours = cv2.applyColorMap((level * 255).round().astype(np.uint8), cv2.COLORMAP_INFERNO)
    # Opacity follows the level, so that the part stays visible where nothing is found.
    opacity = (_OPACITY * level)[..., None]
    blended = (picture * (1 - opacity) + colours * opacity).round().astype(np.uint8)
    # Any coverage counts: a defect smaller than a pixel of the panel must not vanish.
    truth = picture
    if image.gt_mask is not None:
        truth = _outline(picture, _resize(image.gt_mask.astype(np.float32), size) > 0, _TRUTH)
    predicted = _outline(blended, anomaly_map > pixel_threshold, _PREDICTED)
    verdict = f"{'anomalous' if image.pred_label else 'normal'}, score {image.pred_score:.4g} / {image_threshold:.4g}"
    return _strip(f"{image.record.defect_type}: {verdict}", [picture, truth, colours, predicted])


def contact_sheet(strips: Sequence[Picture]) -> Picture:
    """The strips below each other, at least one; narrower ones are filled up with white."""
    width = max(strip.shape[1] for strip in strips)
    rows = [_pad(strip, right=width - strip.shape[1], bottom=_GAP) for strip in strips]
    return np.concatenate(rows)


def save_png(picture: Picture, file: Path) -> None:
    """Not `cv2.imwrite`, which cannot write to every name that the file system allows."""
    file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def _strip(text: str, panels: Sequence[Picture]) -> Picture:
    row = np.concatenate([_pad(panel, right=_GAP) for panel in panels], axis=1)
    header = np.full((_HEADER, row.shape[1], 3), 255, np.uint8)
    cv2.putText(header, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _BLACK, 1, cv2.LINE_AA)
    return np.concatenate([header, row])


def _resize(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    shrinks = size[0] < array.shape[1]
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _outline(picture: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(picture.copy(), contours, -1, colour, 1)


def _pad(picture: Picture, right: int = 0, bottom: int = 0) -> Picture:
    return cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=_WHITE)
