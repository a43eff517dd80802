"""The one place where an image file is decoded: by which decoders, up to which size, and what is refused.

Pillow opens every file and decodes those of 8 bits a sample. It keeps only the high byte of 16-bit colour and cannot
open most TIFF files of 10, 12 and 14 bits; these come from OpenCV, which the bytes reach after Pillow, or for such a
TIFF tifffile, has found the header fit.
"""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from tocoad.data.problems import DataError, Problem

# What they write to standard error about damaged files is said in one line here.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# The only decoders that may run: Pillow knows formats that start other programs.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
# Just below the size at which Pillow warns on standard error.
_MAX_PIXELS = 89_000_000

_PNG, _TIFF = b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_COLOUR = (b"\2", b"\6")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANAR = 258, 262, 284
_GREY, _RGB = 1, 2
_PACKED = (10, 12, 14)
_UPRIGHT = {1: (), 2: (1,), 3: (0, 1), 4: (0,)}  # EXIF's orientation: the axes to flip


@dataclass(frozen=True)
class DeepImage:
    """An upright image of more than 8 bits a sample. `values` (H, W), or (H, W, 3) RGB, are the file's own numbers.

    `declared` is the depth that the file says they have, None where it only says that they take 16 bits. `packed` files
    hold no other bits than those; else the numbers may also be spread over all 16, see `tocoad.data.depth`.
    """

    values: npt.NDArray[np.uint16]
    alpha: npt.NDArray[np.uint16] | None = None
    declared: int | None = None
    packed: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as Pillow has it."""
        return self.values.shape[1], self.values.shape[0]


Decoded = Image.Image | DeepImage


def decode(path: Path, data: bytes | None = None) -> Decoded:
    """The fully decoded image, upright. `data` spares the reading where the caller has the file's bytes already.

    Raises DataError with the file and the reason.
    """
    try:
        return _decode(data if data is not None else path.read_bytes())
    except _UnfitError as error:
        raise DataError([Problem(path, str(error))]) from None
    except OSError as error:
        raise DataError([Problem(path, f"cannot be read ({error.strerror or error})")]) from None


def may_be_deep(data: bytes) -> bool:
    """False where the first bytes say that no sample has more than 8 bits."""
    return _is_deep_png(data) or data.startswith(_TIFF)


class _UnfitError(Exception):
    """The reason alone; `decode` adds the file."""


def _decode(data: bytes) -> Decoded:
    if not data:
        raise _UnfitError("the file is empty")
    try:
        try:
            opened = Image.open(BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            return _packed_tiff(data)
        with opened as image:
            _refuse_unfit(image)
            bits = _sample_bits(image, data)
            # Pillow turns a TIFF itself while it loads, and forgets that it did.
            turned = image.getexif().get(ExifTags.Base.Orientation, 1)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return _deepened(image, data, bits, turned) if bits > 8 else image
    except _UnfitError:
        raise
    except Image.DecompressionBombError:
        raise _UnfitError(_too_large()) from None
    except Exception as error:  # decoders raise all kinds of errors for damaged data
        raise _UnfitError(f"unreadable or truncated image ({error}); replace it") from None


def _refuse_unfit(image: Image.Image) -> None:
    """Runs on the header alone, before the pixels are decoded."""
    if image.width * image.height > _MAX_PIXELS:
        raise _UnfitError(_too_large())
    if image.mode in ("I", "F"):
        raise _UnfitError("signed, 32-bit or floating-point pixels; save it with 8 or 16 bits")
    if image.format in ("TIFF", "PNG") and getattr(image, "n_frames", 1) > 1:
        raise _UnfitError("holds several pages; save each as a file of its own")
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_TIFF_BITS, (1,))
        separate_planes = image.tag_v2.get(_TIFF_PLANAR, 1) == 2 and len(bits) > 1
        if max(bits) > 8 and (separate_planes or image.tag_v2.get(_TIFF_PHOTOMETRIC) == 0):
            # Pillow decodes both without a word, to wrong pixels.
            raise _UnfitError(_unfit_tiff(max(bits)))


def _sample_bits(image: Image.Image, data: bytes) -> int:
    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(_TIFF_BITS, (1,))))
    return 16 if _is_deep_png(data) else 8


def _deepened(image: Image.Image, data: bytes, bits: int, turned: int) -> Decoded:
    """The image with all its bits. `image` is Pillow's, upright; of 16-bit colour it has the high bytes."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint16)
        if bits < 16:
            return DeepImage(values, declared=bits, packed=True)
        return DeepImage(values, declared=_significant_bits(data))
    if image.mode not in ("RGB", "RGBA"):
        return image
    values, alpha = _colour_and_alpha(_by_opencv(data))
    if image.format == "PNG":  # OpenCV turns a TIFF as well
        values = _turned(values, turned)
        alpha = None if alpha is None else _turned(alpha, turned)
    colour = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    if not np.array_equal(colour >> 8, np.asarray(image.convert("RGB"))):
        raise _UnfitError("16-bit colour that two decoders read differently; save it as PNG without transparency")
    return DeepImage(values, alpha, declared=_significant_bits(data))


def _packed_tiff(data: bytes) -> DeepImage:
    """A TIFF of 10, 12 or 14 bits a sample; Pillow, which could not open it, has checked nothing."""
    bits = 0
    if data.startswith(_TIFF):
        with contextlib.suppress(Exception), tifffile.TiffFile(BytesIO(data)) as file:
            pages, page = len(file.pages), cast(tifffile.TiffPage, file.pages[0])
            bits = page.bitspersample
    if bits <= 8:
        raise _UnfitError("not a readable png, jpg, bmp or tif image")
    if page.imagewidth * page.imagelength > _MAX_PIXELS:
        raise _UnfitError(_too_large())
    if pages > 1:
        raise _UnfitError("holds several pages; save each as a file of its own")
    known = {1: _GREY, 3: _RGB}.get(page.samplesperpixel)
    if bits not in _PACKED or page.sampleformat != 1 or page.planarconfig != 1 or page.photometric != known:
        raise _UnfitError(_unfit_tiff(bits))
    parts = zip(page.dataoffsets, page.databytecounts, strict=True)  # differing numbers are an error like others
    if any(start + count > len(data) for start, count in parts):
        raise _UnfitError("unreadable or truncated image (its pixels end early); replace it")
    values, _ = _colour_and_alpha(_by_opencv(data))
    return DeepImage(values >> np.uint16(16 - bits), declared=bits, packed=True)  # OpenCV spreads them over 16 bits


def _by_opencv(data: bytes) -> npt.NDArray[np.uint16]:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise _UnfitError("unreadable or truncated image; replace it, or save it as PNG")
    return cast("npt.NDArray[np.uint16]", decoded)


def _colour_and_alpha(
    decoded: npt.NDArray[np.uint16],
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16] | None]:
    """OpenCV's BGR or BGRA as RGB and alpha; grey as it is."""
    if decoded.ndim == 2:
        return decoded, None
    return decoded[..., [2, 1, 0]], decoded[..., 3] if decoded.shape[2] == 4 else None


def _turned(array: npt.NDArray[np.uint16], orientation: int) -> npt.NDArray[np.uint16]:
    if orientation in _UPRIGHT:
        return np.flip(array, _UPRIGHT[orientation])
    flipped = {5: (), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation)
    return array if flipped is None else np.flip(array.swapaxes(0, 1), flipped)


def _is_deep_png(data: bytes) -> bool:
    return data.startswith(_PNG) and data[24:25] == b"\x10"


def _significant_bits(data: bytes) -> int | None:
    """What the chunk sBIT of a PNG says of its grey or its colours; None without it."""
    samples = 3 if data[25:26] in _PNG_COLOUR else 1  # what follows is of alpha
    for kind, content in _png_chunks(data):
        if kind == b"sBIT":
            return min(max(content[:samples], default=0), 16) or None
        if kind == b"IDAT":
            break
    return None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_PNG) if data.startswith(_PNG) else len(data)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def _unfit_tiff(bits: int) -> str:
    return f"{bits}-bit TIFF of a kind that is not read right (such as separate planes, inverted grey); save it as PNG"


def _too_large() -> str:
    return f"more than {_MAX_PIXELS // 1_000_000} million pixels; crop or reduce it"
