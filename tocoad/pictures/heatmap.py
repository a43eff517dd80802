"""Heat maps on one fixed scale: colours of two images of a category mean the same score.

The scale comes with the detector, from its calibration normals. Nothing is stretched to an image's own range, so a good
part stays dark. Pictures are uint8 (H, W, 3), BGR as OpenCV writes them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[Any]

PREDICTED = (255, 220, 0)  # cyan
_OPACITY = 0.7
_WEBP_QUALITY = 85


def heat_colours(anomaly_map: NDArray[np.float32], scale: tuple[float, float]) -> Picture:
    """The map (H, W) in colours; `scale` is its value at black and at the brightest colour."""
    return cv2.applyColorMap((_level(anomaly_map, scale) * 255).round().astype(np.uint8), cv2.COLORMAP_INFERNO)


def heat_overlay(picture: Picture, anomaly_map: NDArray[np.float32], scale: tuple[float, float]) -> Picture:
    """The colours over the picture; opacity follows the level, so the part stays visible where nothing is found."""
    opacity = (_OPACITY * _level(anomaly_map, scale))[..., None]
    blended: Picture = (picture * (1 - opacity) + heat_colours(anomaly_map, scale) * opacity).round().astype(np.uint8)
    return blended


def outline(picture: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    """A copy of the picture with the mask's (H, W) contours drawn on it."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(picture.copy(), contours, -1, colour, 1)


def png(picture: Picture) -> bytes:
    """Not `cv2.imwrite`, which cannot write to every name that the file system allows."""
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def webp(picture: Picture) -> bytes:
    """Small enough for a page that carries hundreds; not for measuring, the compression loses."""
    return bytes(cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])[1].tobytes())


def _level(anomaly_map: NDArray[np.float32], scale: tuple[float, float]) -> NDArray[np.float32]:
    low, high = scale
    level: NDArray[np.float32] = np.clip((anomaly_map - low) / (high - low), 0.0, 1.0)
    return level
