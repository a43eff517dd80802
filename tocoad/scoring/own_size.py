"""A map at its image's own size: one way for figures, files and served models."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def at_own_size(anomaly_map: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """(S, S) to (height, width), raw: the map is brought to the image's size, never the image's truth to the map's."""
    resized = cv2.resize(anomaly_map, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.astype(np.float32, copy=False)


def maps_at_own_size(maps: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(B, S, S) to (B, height, width); the maps themselves where that is their size."""
    if maps.shape[1:] == (height, width):
        return maps
    own = np.empty((len(maps), height, width), np.float32)
    for index, anomaly_map in enumerate(maps):
        own[index] = at_own_size(anomaly_map, width, height)
    return own
