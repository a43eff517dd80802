"""The pixel threshold: a quantile of the calibration normals' map pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from tocoad.calibration.conformal import CalibrationError


def pixel_threshold(anomaly_maps: Iterable[NDArray[np.float32]], rate: float) -> float:
    """The lowest calibration pixel that at most the share `rate` of all calibration pixels exceeds; 0 < rate < 1.

    A pixel is predicted anomalous where `anomaly_map > threshold`, strictly. Neighbouring pixels are not exchangeable
    draws, so this is a share on the calibration maps and no promise for the next image.

    Raises:
        CalibrationError: there is no pixel, or one is not finite.
    """
    maps = [np.ravel(anomaly_map) for anomaly_map in anomaly_maps]
    pixels = np.concatenate(maps) if maps else np.empty(0, dtype=np.float32)
    if pixels.size == 0:
        raise CalibrationError("no calibration map: raise split.calibration_fraction or split.calibration_min")
    if not np.isfinite(pixels).all():
        raise CalibrationError("a calibration map is not finite everywhere: look at the images and the training")
    exceeding = math.floor(Fraction(repr(float(rate))) * pixels.size)
    position = pixels.size - 1 - exceeding
    return float(np.partition(pixels, position)[position])


def normal_range(anomaly_maps: Sequence[NDArray[np.float32]] | NDArray[np.float32], rate: float) -> tuple[float, float]:
    """Median of the calibration pixels and their `pixel_threshold`: what maps of another unit are brought to.

    Where both are the same, as on normals that are equal to the bit, the range is one unit wide.
    """
    high = pixel_threshold(anomaly_maps, rate)
    low = float(np.median(np.concatenate([np.ravel(anomaly_map) for anomaly_map in anomaly_maps])))
    return (low, high) if high > low else (low, low + 1.0)
