"""The picture of a prediction: image, heat map over it, and the outline of what the detector takes for anomalous."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.package.card import DetectorCard
from tocoad.package.detector import Prediction
from tocoad.pictures.heatmap import PREDICTED, Picture, heat_overlay, outline

_ROWS = 256  # that are drawn at once: their floats are many times the picture


def prediction_overlay(image: NDArray[np.uint8], prediction: Prediction, card: DetectorCard) -> Picture:
    """Of one image (H, W, 3), RGB, and the prediction of it alone, at its own size."""
    picture: Picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    anomaly_map = prediction.anomaly_map[0]
    for top in range(0, len(picture), _ROWS):
        rows = slice(top, top + _ROWS)
        picture[rows] = heat_overlay(picture[rows], anomaly_map[rows], card.calibration.scale)
    return outline(picture, prediction.pred_mask[0], PREDICTED)
