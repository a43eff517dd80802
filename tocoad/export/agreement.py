"""Does what was written give what the detector gives? Asked of its probes, in batches of one, two and three."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import resize_image
from tocoad.export.formats import Run
from tocoad.package.card import PROBES_FILE
from tocoad.package.detector import Detector, PackageError, Prediction
from tocoad.package.probes import probe_pixels, probes_sha256

SCORE_TOLERANCE, MAP_TOLERANCE = 1e-5, 1e-4
"""The scores' as a share of the greatest, the maps' as a share of the category's fixed scale."""
_BATCHES = (1, 2, 3)
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Agreement:
    """Over all batches. `labels` counts the images whose label differs, `pixels` the values of masks that do; where the
    detector's score or map is as near to the threshold as it may differ, either verdict is right.
    """

    images: int
    score: float
    map: float
    labels: int
    pixels: int

    @property
    def holds(self) -> bool:
        within = self.score <= SCORE_TOLERANCE and self.map <= MAP_TOLERANCE  # both are false for NaN
        return within and self.labels == self.pixels == 0

    def __str__(self) -> str:
        return (
            f"scores by {self.score:.2g} of the greatest (at most {SCORE_TOLERANCE:g}), maps by {self.map:.2g} of the "
            f"scale (at most {MAP_TOLERANCE:g}), {self.labels} labels and {self.pixels} pixels of masks"
        )


def agreement(detector: Detector, run: Run, images: NDArray[np.uint8]) -> Agreement:
    """Of images (N, S, S, 3)."""
    expected = detector.predict(images)
    card = detector.card
    low, high = card.calibration.scale
    greatest = float(np.abs(expected.pred_score).max())
    scores, maps, labels, pixels = [], [], 0, 0
    for count in _BATCHES:
        chosen = np.arange(count) % len(images)
        part, prediction = _taken(expected, chosen), run(images[chosen])
        if _shapes(prediction) != _shapes(part):
            raise ValueError(f"a batch of {count} gives {_shapes(prediction)}, not {_shapes(part)}")
        scores.append(np.abs(prediction.pred_score - part.pred_score).max())
        maps.append(np.abs(prediction.anomaly_map - part.anomaly_map).max())
        clear = np.abs(part.pred_score - np.float32(card.image_threshold.value)) > SCORE_TOLERANCE * greatest
        labels += int((clear & (prediction.pred_label != part.pred_label)).sum())
        clear = np.abs(part.anomaly_map - np.float32(card.pixel_threshold)) > MAP_TOLERANCE * (high - low)
        pixels += int((clear & (prediction.pred_mask != part.pred_mask)).sum())
    return Agreement(
        images=len(images),
        score=float(np.max(scores)) / max(_TINY, greatest),
        map=float(np.max(maps)) / (high - low),
        labels=labels,
        pixels=pixels,
    )


def probes_of(package: Path, detector: Detector) -> NDArray[np.uint8]:
    """The package's probes at the size of the networks, (N, S, S, 3); of a package without any, grey and noise.

    Raises:
        PackageError: they are not those that were packaged.
    """
    size, probes = detector.image_size, detector.card.probes
    if probes is None:
        noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
        return np.concatenate([np.full((1, size, size, 3), 128, np.uint8), noise])
    file = package / PROBES_FILE
    if not file.is_file() or probes_sha256(package) != probes.sha256:
        raise PackageError(f"{file} is missing, or not the one that was packaged: get the package again")
    with ZipFile(file) as content:
        found = [probe_pixels(content.read(probe.image), detector.card.depth)[0] for probe in probes.images]
    return np.stack([resize_image(pixels, size) for pixels in found])


def _taken(prediction: Prediction, chosen: NDArray[np.int64]) -> Prediction:
    return Prediction(
        prediction.pred_score[chosen],
        prediction.anomaly_map[chosen],
        prediction.pred_label[chosen],
        prediction.pred_mask[chosen],
    )


def _shapes(prediction: Prediction) -> list[tuple[tuple[int, ...], str]]:
    values = (prediction.pred_score, prediction.anomaly_map, prediction.pred_label, prediction.pred_mask)
    return [(value.shape, value.dtype.name) for value in values]
