"""Reading: whatever the camera wrote becomes `uint8 (H, W, 3)`, whatever was drawn as mask becomes `bool (H, W)`.

- 16 bit: the high byte, for grey and colour alike. An 8-bit image that was widened comes back exactly, and brightness
  means the same in every image (no stretching to each image's own range).
- Alpha: dropped, the colours below it stay. Cameras mean nothing by it, and a background put there would add edges.
- Orientation noted in EXIF: applied, because the tools that masks are drawn with show the image that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from tocoad.data.pool import thread_pool
from tocoad.data.problems import DataError, Problem

# The only decoders that may run: Pillow knows formats that start other programs.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
# Just below the size at which Pillow warns on standard error.
_MAX_PIXELS = 89_000_000
_LOSSY = ("JPEG", "MPO")

_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANAR = 258, 262, 284


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """RGB `(H, W, 3)`; grey is repeated over the channels. Raises DataError for a file that is no whole image."""
    return rgb_pixels(decode(path))


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """True where anomalous, `(H, W)`, at the file's size. Raises DataError for a file that is no whole image."""
    return mask_pixels(decode(path))


def load_images(paths: Sequence[Path], size: int, threads: int = 1) -> npt.NDArray[np.uint8]:
    """RGB `(N, size, size, 3)`: whole images, resized by an antialiased bilinear filter; the aspect is not kept."""
    images = np.empty((len(paths), size, size, 3), np.uint8)

    def load(index: int) -> None:
        images[index] = resize_image(read_image(paths[index]), size)

    with thread_pool(threads) as pool:
        for _ in pool.map(load, range(len(paths))):
            pass
    return images


def resize_image(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """RGB `(H, W, 3)` to `(size, size, 3)`, the one way in which an image reaches a network."""
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def decode(path: Path, data: bytes | None = None) -> Image.Image:
    """The fully decoded image, upright. `data` spares the reading where the caller has the file's bytes already.

    Raises DataError with the file and the reason.
    """
    try:
        return _decode(data if data is not None else path.read_bytes())
    except _UnfitError as error:
        raise DataError([Problem(path, str(error))]) from None
    except OSError as error:
        raise DataError([Problem(path, f"cannot be read ({error.strerror or error})")]) from None


def rgb_pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    """`(H, W, 3)`, writable."""
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(image.convert("RGB"))


def mask_pixels(image: Image.Image) -> npt.NDArray[np.bool_]:
    """Any non-zero pixel is anomalous, with two allowances for how masks are drawn.

    A transparent pixel is normal whatever colour lies below, and where nothing visible has a colour the opaque part is
    the mask (strokes on a transparent layer). JPEG has noise around zero, so there the limit is half of the range.
    """
    if image.has_transparency_data:
        colour_alpha = np.asarray(image.convert("RGBA"))
        visible = colour_alpha[..., 3] > 0
        coloured = visible & colour_alpha[..., :3].any(axis=2)
        return coloured if coloured.any() or visible.all() else visible
    pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    drawn = pixels > (127 if is_lossy(image) else 0)
    return np.any(drawn, axis=2) if drawn.ndim == 3 else drawn


def is_lossy(image: Image.Image) -> bool:
    return image.format in _LOSSY


class _UnfitError(Exception):
    """The reason alone; `decode` adds the file."""


def _decode(data: bytes) -> Image.Image:
    if not data:
        raise _UnfitError("the file is empty")
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            _refuse_unfit(image)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return image
    except _UnfitError:
        raise
    except UnidentifiedImageError:
        raise _UnfitError("not a readable png, jpg, bmp or tif image") from None
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
    if isinstance(image, TiffImageFile) and 16 in image.tag_v2.get(_TIFF_BITS, ()):
        separate_planes = image.tag_v2.get(_TIFF_PLANAR, 1) == 2 and len(image.tag_v2[_TIFF_BITS]) > 1
        if separate_planes or image.tag_v2.get(_TIFF_PHOTOMETRIC) == 0:
            # Pillow decodes both without a word, to wrong pixels.
            raise _UnfitError("16-bit TIFF with separate colour planes or inverted grey; save it as PNG")


def _too_large() -> str:
    return f"more than {_MAX_PIXELS // 1_000_000} million pixels; crop or reduce it"
