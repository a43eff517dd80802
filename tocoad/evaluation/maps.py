"""Raw anomaly maps as float32 TIFF, the form that other evaluators read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tifffile

from tocoad.data.manifest import ImageRecord
from tocoad.data.naming import MAP_SUFFIX
from tocoad.evaluation.evaluate import JudgedImage
from tocoad.files.replacing import appearing

MAPS_DIR = "maps"


def save_maps(images: Iterable[JudgedImage], folder: Path) -> list[Path]:
    """Writes `maps/test/<defect_type>/<stem>.tiff` below `folder`, (H, W) at the image's own size.

    Returns the files in the order of the images.
    """
    files: list[Path] = []
    taken: set[Path] = set()
    for image in images:
        file = _free(folder / MAPS_DIR / "test" / image.record.defect_type, image.record, taken)
        file.parent.mkdir(parents=True, exist_ok=True)
        with appearing(file) as incoming:
            tifffile.imwrite(incoming, image.anomaly_map)
        taken.add(file)
        files.append(file)
    return files


def _free(folder: Path, record: ImageRecord, taken: set[Path]) -> Path:
    """Images of one type may share a stem (`1.png`, `1.jpg`, or in subfolders): the later ones get a number, for which
    `LONGEST_NAME` leaves room.
    """
    stem = Path(record.path).stem
    file = folder / f"{stem}{MAP_SUFFIX}"
    number = 2
    while file in taken:
        file = folder / f"{stem}-{number}{MAP_SUFFIX}"
        number += 1
    return file
