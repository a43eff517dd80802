"""Which production images a person should look at, and what the champion says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tocoad.data.decoding import decode
from tocoad.data.depth import Depth
from tocoad.data.images import resize_image, rgb_pixels
from tocoad.data.problems import DataError, Problem
from tocoad.data.threads import cores, thread_pool
from tocoad.feedback.checking import Known
from tocoad.feedback.pixels import pixel_digest
from tocoad.package.detector import Detector
from tocoad.pictures.heatmap import PREDICTED, heat_overlay, outline, webp
from tocoad.scoring.own_size import at_own_size
from tocoad.stages.stage import Progress, ProgressCallback

_SIDE = 640  # pixels of the longer side: what a screen shows, and two hundred of them stay a page that opens


@dataclass(frozen=True)
class Doubt:
    """An image to look at. `score` and `label` are the detector's, None where there is none."""

    file: Path
    sha256: str
    pixels: str
    score: float | None = None
    label: bool | None = None


@dataclass(frozen=True)
class ReviewImage:
    """What the page shows of one: WebP pictures, and their size (width, height)."""

    doubt: Doubt
    size: tuple[int, int]
    picture: bytes
    overlay: bytes | None


@dataclass
class Looked:
    """All that were looked at. `decided` were judged before, `present` lie in the data set, and `twice` are there under
    another name; of these nobody is asked.
    """

    doubts: list[Doubt] = field(default_factory=list)
    decided: int = 0
    present: int = 0
    twice: int = 0
    problems: list[Problem] = field(default_factory=list)


def look_through(
    files: Sequence[Path], known: Known, depth: Depth, detector: Detector | None, progress: ProgressCallback
) -> Looked:
    """The images that nobody has decided on, the most doubtful first: those nearest to the threshold, and by name where
    there is no detector.
    """
    looked, seen = Looked(), set[str]()

    def look(file: Path) -> Doubt | Problem:
        try:
            return _look(file, known, depth, detector)
        except DataError as error:
            return error.problems[0]

    with ExitStack() as stack:
        if detector is not None:
            stack.enter_context(detector.shared())
        pool = stack.enter_context(thread_pool(cores()))
        for done, found in enumerate(pool.map(look, files), start=1):
            if isinstance(found, Problem):
                looked.problems.append(found)
            elif found.pixels in seen:
                looked.twice += 1
            elif (said := known.still_said(found.pixels)) is not None and said.statement.verdict != "unclear":
                looked.decided += 1
            elif found.pixels in known.present:
                looked.present += 1
            else:
                looked.doubts.append(found)
            if isinstance(found, Doubt):
                seen.add(found.pixels)
            progress(Progress(done, len(files)))
    if detector is not None:
        threshold = detector.card.image_threshold.value
        looked.doubts.sort(key=lambda doubt: abs((doubt.score or 0.0) - threshold))
    return looked


def draw(
    doubts: Sequence[Doubt], depth: Depth, detector: Detector | None, progress: ProgressCallback
) -> list[ReviewImage]:
    """Raises DataError where one has changed since it was looked at."""
    drawn = []
    with ExitStack() as stack:
        if detector is not None:
            stack.enter_context(detector.shared())
        pool = stack.enter_context(thread_pool(cores()))
        for image in pool.map(lambda doubt: _draw(doubt, depth, detector), doubts):
            drawn.append(image)
            progress(Progress(len(drawn), len(doubts)))
    return drawn


def _look(file: Path, known: Known, depth: Depth, detector: Detector | None) -> Doubt:
    data = _bytes(file)
    image = decode(file, data)
    doubt = Doubt(file, hashlib.sha256(data).hexdigest(), pixel_digest(image))
    if detector is None or doubt.pixels in known.present:
        return doubt
    prediction = detector.predict(resize_image(rgb_pixels(image, depth), detector.image_size)[None])
    return Doubt(file, doubt.sha256, doubt.pixels, float(prediction.pred_score[0]), bool(prediction.pred_label[0]))


def _draw(doubt: Doubt, depth: Depth, detector: Detector | None) -> ReviewImage:
    data = _bytes(doubt.file)
    if hashlib.sha256(data).hexdigest() != doubt.sha256:
        raise DataError([Problem(doubt.file, "changed while it was looked at; try again")])
    pixels = rgb_pixels(decode(doubt.file, data), depth)
    shown = _small(pixels)
    height, width = shown.shape[:2]
    picture = shown[..., ::-1]
    if detector is None:
        return ReviewImage(doubt, (width, height), webp(picture), None)
    prediction = detector.predict(resize_image(pixels, detector.image_size)[None])
    anomaly_map = at_own_size(prediction.anomaly_map[0], width, height)
    overlay = heat_overlay(picture, anomaly_map, detector.card.calibration.scale)
    overlay = outline(overlay, anomaly_map > detector.card.pixel_threshold, PREDICTED)
    return ReviewImage(doubt, (width, height), webp(picture), webp(overlay))


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    image.thumbnail((_SIDE, _SIDE))
    return np.array(image)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError([Problem(file, f"cannot be read ({error.strerror})")]) from None
