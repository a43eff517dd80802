"""Prediction of image files: what `tocoad predict` does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from tocoad.data.images import read_image, resize_image
from tocoad.data.listing import list_images
from tocoad.data.pool import thread_pool
from tocoad.data.problems import DataError, Problem
from tocoad.package.card import DetectorCard
from tocoad.package.detector import Detector
from tocoad.package.result_paths import MAP_ENDING, OVERLAY_ENDING, common_folder, result_stem
from tocoad.replacing import appearing
from tocoad.report.heatmap import PREDICTED, Picture, heat_overlay, outline, png
from tocoad.stage import StageError

# More would hold more large images in memory than the detector can score meanwhile.
_MOST_READERS = 4
_ROWS = 256  # of an overlay that are drawn at once: its floats are many times the picture


@dataclass(frozen=True)
class FoundImage:
    """A file as the user would name it, and the relative path of its results, which an ending completes."""

    file: Path
    result: Path


@dataclass(frozen=True)
class Found:
    """`others` lie among the images and are not looked at."""

    images: tuple[FoundImage, ...]
    others: tuple[Path, ...]


@dataclass(frozen=True)
class FilePrediction:
    """Of one file; `error` says why there is none. The arrays are for a picture: `image` (H, W, 3), `anomaly_map` and
    `pred_mask` (H, W), all at the image's own size, or None.
    """

    found: FoundImage
    pred_score: float | None = None
    pred_label: bool | None = None
    image: NDArray[np.uint8] | None = None
    anomaly_map: NDArray[np.float32] | None = None
    pred_mask: NDArray[np.bool_] | None = None
    error: str | None = None


def find_images(sources: Sequence[Path], out: Path | None = None) -> Found:
    """The files given, and all images below the folders given, in alphabetical order; each once.

    `out` is the folder of results: it is not searched where it lies in one of the sources.

    Raises:
        DataError: a source is not there, is the folder of results itself, or no image was found.
    """
    results = out.resolve() if out is not None else None
    places = [_place(source) for source in sources]
    root = common_folder(places)
    found: dict[Path, FoundImage] = {}
    others: list[Path] = []
    for source, place in zip(sources, places, strict=True):
        if place.is_file():
            found.setdefault(place, FoundImage(source, result_stem(place, root)))
            continue
        if place == results:
            raise DataError([Problem(source, "results would lie among the images; give another folder with --out")])
        listing = list_images(place, leave_out=results)
        for file in listing.images:
            found.setdefault(file, FoundImage(source / file.relative_to(place), result_stem(file, root)))
        others += [source / file.relative_to(place) for file in listing.others]
    if not found:
        raise DataError([Problem(sources[0], "no image in it (.png, .jpg, .bmp, .tif)")])
    return Found(tuple(found.values()), tuple(others))


def predict_files(
    detector: Detector, images: Sequence[FoundImage], threads: int = 1, pictures: bool = True
) -> Iterator[FilePrediction]:
    """One result a file, in order; a file that cannot be read does not stop the others.

    `threads` read ahead of the scoring, few enough for memory. Without `pictures` only score and label are made.

    Raises:
        StageError: the detector's answer to an image is not finite.
    """

    def read(found: FoundImage) -> NDArray[np.uint8] | str:
        try:
            pixels = read_image(found.file, detector.card.depth)
        except DataError as error:
            return error.problems[0].reason
        return pixels if pictures else resize_image(pixels, detector.image_size)

    for found, pixels in _read_ahead(images, read, min(threads, _MOST_READERS)):
        yield FilePrediction(found, error=pixels) if isinstance(pixels, str) else _predict(detector, found, pixels)


def save_prediction(prediction: FilePrediction, card: DetectorCard, folder: Path) -> dict[str, str]:
    """Writes the overlay (PNG) and the map (TIFF, float32, raw) below `folder`; returns both paths.

    Both have the image's size, and its path below its source: `cam1/part.jpg.overlay.png`, `cam1/part.jpg.map.tiff`.
    """
    assert prediction.image is not None and prediction.anomaly_map is not None and prediction.pred_mask is not None
    target = folder / prediction.found.result
    target.parent.mkdir(parents=True, exist_ok=True)
    overlay, raw = (target.with_name(target.name + ending) for ending in (OVERLAY_ENDING, MAP_ENDING))
    picture = outline(_overlay(prediction.image, prediction.anomaly_map, card), prediction.pred_mask, PREDICTED)
    with appearing(overlay) as file:
        file.write_bytes(png(picture))
    with appearing(raw) as file:
        tifffile.imwrite(file, prediction.anomaly_map)
    return {"overlay": str(overlay), "anomaly_map": str(raw)}


def _place(source: Path) -> Path:
    """The one absolute path of a folder, or of a file in its folder: a link to a file keeps its own name."""
    if not source.exists():
        raise DataError([Problem(source, "no such file or folder")])
    return source.resolve() if source.is_dir() else source.parent.resolve() / source.name


def _read_ahead(
    images: Iterable[FoundImage], read: Callable[[FoundImage], NDArray[np.uint8] | str], threads: int
) -> Iterator[tuple[FoundImage, NDArray[np.uint8] | str]]:
    """In order; `threads` files are read while one is worked on."""
    with thread_pool(threads) as pool:
        rest = iter(images)
        reading: deque[tuple[FoundImage, Future[NDArray[np.uint8] | str]]] = deque()
        while True:
            reading.extend((image, pool.submit(read, image)) for image in islice(rest, threads + 1 - len(reading)))
            if not reading:
                return
            image, future = reading.popleft()
            yield image, future.result()


def _predict(detector: Detector, found: FoundImage, pixels: NDArray[np.uint8]) -> FilePrediction:
    prediction = detector.predict(pixels[None])
    score, anomaly_map = prediction.pred_score[0], prediction.anomaly_map[0]
    if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
        raise StageError(f"{found.file}: the detector's score or map is not finite; train it anew")
    return FilePrediction(
        found,
        pred_score=float(score),
        pred_label=bool(prediction.pred_label[0]),
        image=pixels,
        anomaly_map=anomaly_map,
        pred_mask=prediction.pred_mask[0],
    )


def _overlay(image: NDArray[np.uint8], anomaly_map: NDArray[np.float32], card: DetectorCard) -> Picture:
    picture: Picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    for top in range(0, len(picture), _ROWS):
        rows = slice(top, top + _ROWS)
        picture[rows] = heat_overlay(picture[rows], anomaly_map[rows], card.calibration.scale)
    return picture
