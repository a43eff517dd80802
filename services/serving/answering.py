"""From the bytes of an image file to the document that answers them."""

from __future__ import annotations

import base64
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from services.serving.served import Served
from tocoad.data.images import image_from_bytes, resize_image
from tocoad.errors import StageError
from tocoad.pictures.heatmap import png
from tocoad.predict.overlay import prediction_overlay

MapKind = Literal["grey", "overlay"]
_DEEPEST = 65535


class ServedModel(BaseModel):
    """Which detector answered. `version` is that of the registry; null of a package in a folder."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int | None
    method: str
    package_sha256: str


class AnomalyMap(BaseModel):
    """A PNG in base64, of the image's own size.

    `grey` has 16 bits: the value of a pixel is `low + grey / 65535 * (high - low)`, raw, as scores are. `overlay` is
    for the eye: the heat map on the category's fixed scale, from `low` (nothing) to `high` (brightest), and the outline
    of what lies above the threshold of pixels.
    """

    model_config = ConfigDict(frozen=True)

    kind: MapKind
    low: float
    high: float
    png: str


class Answer(BaseModel):
    """What the detector says of one image. `pred_label` is true where the score lies above the threshold."""

    model_config = ConfigDict(frozen=True)

    category: str
    pred_score: float
    pred_label: bool
    threshold: float
    model: ServedModel
    anomaly_map: AnomalyMap | None = None


def answer(served: Served, content: bytes, kind: MapKind | None) -> Answer:
    """The detector's own score, whatever else is being scored.

    Raises:
        DataError: it is no whole image.
        StageError: the detector's answer to it is not finite.
    """
    detector, card = served.detector, served.detector.card
    pixels = image_from_bytes(content, card.depth, "the image")
    # Nobody sees the map where none is asked for: at the network's size it costs nothing more.
    seen = pixels if kind is not None else resize_image(pixels, detector.image_size)
    prediction = detector.predict(seen[None])
    score, anomaly_map = prediction.pred_score[0], prediction.anomaly_map[0]
    if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
        raise StageError(f"{served.title}: the score or map of this image is not finite: train it anew")
    drawn = None
    if kind == "grey":
        drawn = _grey(anomaly_map)
    elif kind == "overlay":
        low, high = card.calibration.scale
        drawn = _drawn("overlay", low, high, png(prediction_overlay(pixels, prediction, card)))
    return Answer(
        category=served.name,
        pred_score=float(score),
        pred_label=bool(prediction.pred_label[0]),
        threshold=card.image_threshold.value,
        model=ServedModel(
            name=served.name, version=served.version, method=card.method, package_sha256=served.package_sha256
        ),
        anomaly_map=drawn,
    )


def _grey(anomaly_map: NDArray[np.float32]) -> AnomalyMap:
    """On the map's own range: nothing is cut off, and a step is 1 / 65535 of it."""
    low, high = float(anomaly_map.min()), float(anomaly_map.max())
    level = (anomaly_map - low) / (high - low if high > low else 1.0)
    return _drawn("grey", low, high, png((level * _DEEPEST).round().astype(np.uint16)))


def _drawn(kind: MapKind, low: float, high: float, picture: bytes) -> AnomalyMap:
    return AnomalyMap(kind=kind, low=low, high=high, png=base64.b64encode(picture).decode())
