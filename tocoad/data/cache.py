"""Decoded and resized training images, kept beside the category's work: every stage and method reads the same ones."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from tocoad.data.images import load_images
from tocoad.data.manifest import ImageRecord
from tocoad.stage import StageContext

CACHE_DIR = ".cache"
_KEPT = 8  # files of a category; the parts train and calibration are one each, for every size and data version
_FORMAT = 1


def stage_images(context: StageContext, records: Sequence[ImageRecord]) -> NDArray[np.uint8]:
    """Images (N, S, S, 3) RGB of a part of the manifest, `image.size` a side, mapped from the cache where it has them.

    What is written into the array is lost with it. Raises DataError for an image that cannot be read.
    """
    if any(record.split == "test" for record in records):
        raise ValueError("test images are not for training stages, and not for their cache")
    folder = context.inputs["manifest"].parent / CACHE_DIR
    paths = [context.data_dir / record.path for record in records]
    size, threads = context.settings.image.size, context.settings.compute.threads
    file = folder / f"{_key(records, size)}.npy"
    cached = _read(file, (len(records), size, size, 3))
    if cached is not None:
        return cached
    images = load_images(paths, size, threads)
    with contextlib.suppress(OSError):  # a full disk or a folder of others': it works without
        _write(file, images)
    return images


def _key(records: Sequence[ImageRecord], size: int) -> str:
    """Of all that decides the pixels: content of the files in order, size, and the library that decodes and resizes."""
    lines = [f"{_FORMAT} {size} {PIL.__version__}", *(record.sha256 for record in records)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    try:
        images = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, EOFError, ValueError):  # not there, or not a whole array
        return None
    if images.shape != shape or images.dtype != np.uint8:
        return None
    with contextlib.suppress(OSError):
        file.touch()
    return np.asarray(images)


def _write(file: Path, images: NDArray[np.uint8]) -> None:
    """Under another name first: a stage that reads meanwhile sees the whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.stem}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as stream:
            np.save(stream, images, allow_pickle=False)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    by_age = sorted(file.parent.glob("*.npy"), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for old in by_age[_KEPT:]:
        old.unlink(missing_ok=True)
