"""Decoded and resized training images, kept beside the work: a category's stages and methods read the same ones."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from tocoad.data.depth import Depth
from tocoad.data.images import load_images
from tocoad.data.manifest import Manifest, Split
from tocoad.settings.sections import Settings
from tocoad.stages.stage import StageContext

_KEPT = 8  # files of a folder; the parts train and calibration are one each, for every size and data version
_FORMAT = 1


@dataclass(frozen=True)
class ImageFile:
    """A file, its content's sha256, and the depth of its category."""

    path: Path
    sha256: str
    depth: Depth


def stage_images(context: StageContext, manifest: Manifest, part: Split) -> NDArray[np.uint8]:
    """Images (N, S, S, 3) RGB of a part of the category's manifest, in its order; see `cached_images`."""
    if part == "test":
        raise ValueError("test images are not for training stages, and not for their cache")
    files = [
        ImageFile(context.data_dir / record.path, record.sha256, manifest.depth) for record in manifest.split(part)
    ]
    return cached_images(files, context.settings, context.cache_dir)


def cached_images(files: Sequence[ImageFile], settings: Settings, folder: Path) -> NDArray[np.uint8]:
    """Images (N, S, S, 3) RGB of the files, `image.size` a side, mapped from `folder` where it has them.

    What is written into the array is lost with it. Raises DataError for an image that cannot be read.
    """
    size = settings.image.size
    key = _key(files, size)
    if (cached := _read(folder, key)) is not None:
        return cached
    depths = [file.depth for file in files]
    images = load_images([file.path for file in files], size, depths, settings.compute.threads)
    with contextlib.suppress(OSError):  # a full disk or a folder of others': it works without
        _write(folder, key, images)
    return images


def _key(files: Sequence[ImageFile], size: int) -> str:
    """Of all that decides the pixels: content of the files in order, depth, size, and the library that decodes and
    resizes.
    """
    lines = [f"{_FORMAT} {size} {PIL.__version__}", *(f"{file.sha256} {file.depth.key}".rstrip() for file in files)]
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
