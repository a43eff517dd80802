"""Decoded and resized training images, kept beside the work: a category's stages and methods read the same ones."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from tocoad.config import Settings
from tocoad.data.images import load_images
from tocoad.data.manifest import ImageRecord
from tocoad.stage import StageContext

CACHE_DIR = ".cache"
_KEPT = 8  # files of a folder; the parts train and calibration are one each, for every size and data version
_FORMAT = 1


def stage_images(context: StageContext, records: Sequence[ImageRecord]) -> NDArray[np.uint8]:
    """Images (N, S, S, 3) RGB of a part of the category's manifest; see `cached_images`."""
    if any(record.split == "test" for record in records):
        raise ValueError("test images are not for training stages, and not for their cache")
    files = [(context.data_dir / record.path, record.sha256) for record in records]
    return cached_images(files, context.settings, context.inputs["manifest"].parent / CACHE_DIR)


def cached_images(files: Sequence[tuple[Path, str]], settings: Settings, folder: Path) -> NDArray[np.uint8]:
    """Images (N, S, S, 3) RGB of files with their sha256, `image.size` a side, mapped from `folder` where it has them.

    What is written into the array is lost with it. Raises DataError for an image that cannot be read.
    """
    size = settings.image.size
    key = _key([sha256 for _, sha256 in files], size)
    if (cached := _read(folder, key)) is not None:
        return cached
    images = load_images([path for path, _ in files], size, settings.compute.threads)
    with contextlib.suppress(OSError):  # a full disk or a folder of others': it works without
        _write(folder, key, images)
    return images


def _key(digests: Sequence[str], size: int) -> str:
    """Of all that decides the pixels: content of the files in order, size, and the library that decodes and resizes."""
    lines = [f"{_FORMAT} {size} {PIL.__version__}", *digests]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(folder: Path, key: str) -> NDArray[np.uint8] | None:
    """None where there is no such file, or none whose content is what its name says: a bit that a disk lost would
    change a training without a word.
    """
    for file in folder.glob(f"{key}-*.npy"):
        with contextlib.suppress(OSError):
            if file.stem == f"{key}-{_sha256(file)}":
                images = np.asarray(np.load(file, mmap_mode="c", allow_pickle=False))
                with contextlib.suppress(OSError):
                    file.touch()
                return images
    return None


def _write(folder: Path, key: str, images: NDArray[np.uint8]) -> None:
    """Under another name first: a stage that reads meanwhile sees the whole file or none. Not synced: what a power cut
    damages is made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{secrets.token_hex(4)}.partial"
    try:
        with partial.open("wb") as stream:
            np.save(stream, images, allow_pickle=False)
        partial.replace(folder / f"{key}-{_sha256(partial)}.npy")
    finally:
        partial.unlink(missing_ok=True)
    # Partial files that a killed process left are among the old ones.
    by_age = sorted(folder.iterdir(), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for old in by_age[_KEPT:]:
        old.unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
