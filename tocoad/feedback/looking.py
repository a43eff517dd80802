"""The files that a verdict names: whether they can be used, and what they show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tocoad.data.decoding import Decoded, decode
from tocoad.data.images import mask_pixels
from tocoad.data.listing import is_image_name
from tocoad.data.problems import DataError, Problem
from tocoad.feedback.pixels import pixel_digest
from tocoad.feedback.verdicts import Row


@dataclass(frozen=True)
class Seen:
    """Digests of an image's bytes, of what it shows, and of its mask's bytes."""

    sha256: str
    pixels: str
    mask_sha256: str | None


def look_at(row: Row) -> Seen | str:
    """What is there or, in a clause, why it cannot be used."""
    try:
        data, image = _read(row.image)
    except DataError as error:
        return error.problems[0].reason
    sha256 = hashlib.sha256(data).hexdigest()
    if row.sha256 not in (None, sha256):
        return "not the image that was looked at: it has changed since"
    if row.mask is None:
        return Seen(sha256, pixel_digest(image), None)
    try:
        mask, drawn = _read(row.mask)
    except DataError as error:
        return f"its mask {row.mask.name}: {error.problems[0].reason}"
    if drawn.size != image.size:
        (width, height), (mask_width, mask_height) = image.size, drawn.size
        return f"its mask {row.mask.name} has {mask_width}x{mask_height} pixels, the image {width}x{height}"
    if not mask_pixels(drawn).any():
        return f"its mask {row.mask.name} marks nothing"
    return Seen(sha256, pixel_digest(image), hashlib.sha256(mask).hexdigest())


def _read(file: Path) -> tuple[bytes, Decoded]:
    """Raises DataError."""
    if not is_image_name(file.name):
        raise DataError([Problem(file, "not an image of a known type (png, jpg, bmp, tif)")])
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError([Problem(file, f"cannot be read ({error.strerror})")]) from None
    except ValueError:  # there is a zero in it
        raise DataError([Problem(file, "no path of a file")]) from None
    return data, decode(file, data)
