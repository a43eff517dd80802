"""Prediction of image files: what `tocoad predict` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from tocoad.data.images import read_image, resize_image
from tocoad.data.listing import list_images
from tocoad.data.problems import DataError, Problem
from tocoad.data.threads import ahead, thread_pool
from tocoad.errors import StageError
from tocoad.files.replacing import appearing
from tocoad.package.card import DetectorCard
from tocoad.package.detector import Detector, Prediction
from tocoad.pictures.heatmap import png
from tocoad.predict.overlay import prediction_overlay
from tocoad.predict.result_paths import MAP_ENDING, OVERLAY_ENDING, common_folder, result_stem


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
    """Of one file. `written` are the files of its `overlay` and its `anomaly_map`, where they were asked for; `error`
    says why there is no score, or where there is one, why nothing was written.
    """

    found: FoundImage
    pred_score: float | None = None
    pred_label: bool | None = None
    written: Mapping[str, Path] = field(default_factory=dict)
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
    detector: Detector, images: Iterable[FoundImage], out: Path | None = None, threads: int = 1
) -> Iterator[FilePrediction]:
    """One result a file, in order; a file that cannot be read, or whose results cannot be written, stops no other.

    An overlay (PNG) and the map (TIFF, float32, raw) of each go below `out`, both of the image's size and mirroring its
    path: `cam1/part.jpg.overlay.png`, `cam1/part.jpg.map.tiff`. `threads` images are worked on at the same time; scores
    and maps are the same bytes whatever their number.

    Raises:
        StageError: the detector's answer to an image is not finite.
    """
    with detector.shared(), thread_pool(threads) as pool:
        # A few more than threads: while the first is told of, none waits.
        for done in ahead(pool, lambda found: _predict_file(detector, found, out), images, 2 * threads):
            yield done.result()


def finite_prediction(detector: Detector, pixels: NDArray[np.uint8], name: str) -> Prediction:
    """Of one image (H, W, 3), which an error calls by `name`.

    Raises:
        StageError: its score or its map is not finite.
    """
    prediction = detector.predict(pixels[None])
    if not (np.isfinite(prediction.pred_score).all() and np.isfinite(prediction.anomaly_map).all()):
        raise StageError(f"{name}: the detector's score or map is not finite; train it anew")
    return prediction


def _place(source: Path) -> Path:
    """The one absolute path of a folder, or of a file in its folder: a link to a file keeps its own name."""
    if not source.exists():
        raise DataError([Problem(source, "no such file or folder")])
    return source.resolve() if source.is_dir() else source.parent.resolve() / source.name


def _predict_file(detector: Detector, found: FoundImage, out: Path | None) -> FilePrediction:
    try:
        pixels = read_image(found.file, detector.card.depth)
    except DataError as error:
        return FilePrediction(found, error=error.problems[0].reason)
    # Nobody sees the map where no files are written: at the network's size it costs nothing more.
    shown = pixels if out is not None else resize_image(pixels, detector.image_size)
    prediction = finite_prediction(detector, shown, str(found.file))
    score, label = prediction.pred_score[0], bool(prediction.pred_label[0])
    if out is None:
        return FilePrediction(found, float(score), label)
    try:
        written = _write(out / found.result, pixels, prediction, detector.card)
    except (OSError, StageError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return FilePrediction(found, float(score), label, error=f"its results cannot be written ({reason})")
    return FilePrediction(found, float(score), label, written)


def _write(target: Path, pixels: NDArray[np.uint8], prediction: Prediction, card: DetectorCard) -> dict[str, Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    overlay, raw = (target.with_name(target.name + ending) for ending in (OVERLAY_ENDING, MAP_ENDING))
    with appearing(overlay) as file:
        file.write_bytes(png(prediction_overlay(pixels, prediction, card)))
    with appearing(raw) as file:
        tifffile.imwrite(file, prediction.anomaly_map[0])
    return {"overlay": overlay, "anomaly_map": raw}
