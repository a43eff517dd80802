"""A detector's scores on the images of a manifest, one batch in memory at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import load_images
from tocoad.data.manifest import ImageRecord
from tocoad.errors import StageError

if TYPE_CHECKING:  # the package brings torch, which readers of figures need not pay for
    from tocoad.package.detector import Detector


@dataclass(frozen=True)
class ScoredImage:
    """`anomaly_map` (S, S) float32 and `pred_score` are raw; `pred_label` is the detector's own.

    `seconds` is what the detector took for the image, as the mean of its batch.
    """

    record: ImageRecord
    pred_score: np.float32
    pred_label: bool
    anomaly_map: NDArray[np.float32]
    seconds: float


def score_manifest(
    detector: Detector, data_dir: Path, records: Sequence[ImageRecord], batch_size: int, threads: int = 1
) -> Iterator[ScoredImage]:
    """Scores in the order of `records`, whose paths are relative to `data_dir`; `threads` decode a batch.

    Raises:
        DataError: an image cannot be read.
        StageError: the detector's answer to an image is not finite.
    """
    for start in range(0, len(records), batch_size):
        batch = records[start : start + batch_size]
        paths = [data_dir / record.path for record in batch]
        images = load_images(paths, detector.image_size, detector.card.depth, threads)
        began = time.perf_counter()
        prediction = detector.predict(images)
        seconds = (time.perf_counter() - began) / len(batch)
        for i, record in enumerate(batch):
            score, anomaly_map = prediction.pred_score[i], prediction.anomaly_map[i]
            if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
                raise StageError(f"{data_dir / record.path}: the detector's score or map is not finite; train it anew")
            yield ScoredImage(record, score, bool(prediction.pred_label[i]), anomaly_map, seconds)
