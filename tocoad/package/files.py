"""Prediction of image files: what `tocoad predict` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from tocoad.data.images import load_images
from tocoad.data.listing import list_images
from tocoad.data.problems import DataError, Problem
from tocoad.package.card import DetectorCard
from tocoad.package.detector import Detector
from tocoad.report.heatmap import PREDICTED, heat_overlay, outline, png


@dataclass(frozen=True)
class FilePrediction:
    """Of one file; `error` says why there is none. `anomaly_map` and `pred_mask` are (S, S)."""

    file: Path
    pred_score: float | None = None
    pred_label: bool | None = None
    image: NDArray[np.uint8] | None = None
    anomaly_map: NDArray[np.float32] | None = None
    pred_mask: NDArray[np.bool_] | None = None
    error: str | None = None


def find_images(sources: Sequence[Path]) -> list[Path]:
    """The files given, and all images below the folders given, in alphabetical order.

    Raises:
        DataError: a source is not there, or no image was found.
    """
    found: list[Path] = []
    for source in sources:
        if source.is_dir():
            found += list_images(source).images
        elif source.is_file():
            found.append(source)
        else:
            raise DataError([Problem(source, "no such file or folder")])
    if not found:
        raise DataError([Problem(sources[0], "no image in it (.png, .jpg, .bmp, .tif)")])
    return found


def predict_files(detector: Detector, files: Iterable[Path]) -> Iterator[FilePrediction]:
    """One result a file, in order; a file that cannot be read does not stop the others."""
    for file in files:
        try:
            images = load_images([file], detector.image_size, detector.card.depth)
        except DataError as error:
            yield FilePrediction(file, error=error.problems[0].reason)
            continue
        prediction = detector.predict(images)
        yield FilePrediction(
            file,
            pred_score=float(prediction.pred_score[0]),
            pred_label=bool(prediction.pred_label[0]),
            image=images[0],
            anomaly_map=prediction.anomaly_map[0],
            pred_mask=prediction.pred_mask[0],
        )


def save_prediction(prediction: FilePrediction, card: DetectorCard, folder: Path) -> dict[str, str]:
    """Writes `<stem>_overlay.png` and `<stem>_map.tiff` (float32, raw) below `folder`; returns both paths.

    Files of the same stem from different folders keep their folder's name before their own.
    """
    assert prediction.image is not None and prediction.anomaly_map is not None and prediction.pred_mask is not None
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{prediction.file.parent.name}_{prediction.file.stem}".strip("._")
    overlay, raw = folder / f"{stem}_overlay.png", folder / f"{stem}_map.tiff"
    picture = cv2.cvtColor(prediction.image, cv2.COLOR_RGB2BGR)
    blended = heat_overlay(picture, prediction.anomaly_map, card.calibration.scale)
    overlay.write_bytes(png(outline(blended, prediction.pred_mask, PREDICTED)))
    tifffile.imwrite(raw, prediction.anomaly_map)
    return {"overlay": str(overlay), "anomaly_map": str(raw)}
