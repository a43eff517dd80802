"""Reading: whatever the camera wrote becomes `uint8 (H, W, 3)`, whatever was drawn as mask becomes `bool (H, W)`.

- More than 8 bits: by the file's own depth where it declares one, else by its category's (`tocoad.data.depth`). An
  8-bit image that was widened comes back exactly, and brightness means the same in every image.
- Alpha: dropped, the colours below it stay. Cameras mean nothing by it, and a background put there would add edges.
- Orientation noted in EXIF: applied, because the tools that masks are drawn with show the image that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocoad.data.decoding import Decoded, DeepImage, decode
from tocoad.data.depth import Depth
from tocoad.data.threads import thread_pool

_LOSSY = ("JPEG", "MPO")


def read_image(path: Path, depth: Depth) -> npt.NDArray[np.uint8]:
    """RGB `(H, W, 3)`; grey is repeated over the channels. Raises DataError for a file that is no whole image."""
    return rgb_pixels(decode(path), depth)


def image_from_bytes(content: bytes, depth: Depth, name: str) -> npt.NDArray[np.uint8]:
    """The same of a file's content; `name` is what an error calls it."""
    return rgb_pixels(decode(Path(name), content), depth)


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """True where anomalous, `(H, W)`, at the file's size. Raises DataError for a file that is no whole image."""
    return mask_pixels(decode(path))


def load_images(
    paths: Sequence[Path], size: int, depth: Depth | Sequence[Depth], threads: int = 1
) -> npt.NDArray[np.uint8]:
    """RGB `(N, size, size, 3)`: whole images, resized by an antialiased bilinear filter; the aspect is not kept.

    `depth` is that of the category or, where the images are of several, of each image.
    """
    images = np.empty((len(paths), size, size, 3), np.uint8)
    depths = [depth] * len(paths) if isinstance(depth, Depth) else depth

    def load(index: int) -> None:
        images[index] = resize_image(read_image(paths[index], depths[index]), size)

    with thread_pool(threads) as pool:
        for _ in pool.map(load, range(len(paths))):
            pass
    return images


def resize_image(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """RGB `(H, W, 3)` to `(size, size, 3)`, the one way in which an image reaches a network."""
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def resize_images(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """The same for `(N, H, W, 3)`; the images themselves where that is their size."""
    if images.shape[1:3] == (size, size):
        return images
    resized = np.empty((len(images), size, size, 3), np.uint8)
    for index, pixels in enumerate(images):
        resized[index] = resize_image(pixels, size)
    return resized


def rgb_pixels(image: Decoded, depth: Depth) -> npt.NDArray[np.uint8]:
    """`(H, W, 3)`, writable."""
    if not isinstance(image, DeepImage):
        return np.array(image.convert("RGB"))
    pixels = depth.high_bytes(image)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def mask_pixels(image: Decoded) -> npt.NDArray[np.bool_]:
    """Any non-zero pixel is anomalous, with two allowances for how masks are drawn.

    A transparent pixel is normal whatever colour lies below, and where nothing visible has a colour the opaque part is
    the mask (strokes on a transparent layer). JPEG has noise around zero, so there the limit is half of the range.
    """
    if isinstance(image, DeepImage):
        drawn = image.values > 0
        alpha = image.alpha
    elif image.has_transparency_data:
        pixels = np.asarray(image.convert("RGBA"))
        drawn, alpha = pixels[..., :3] > 0, pixels[..., 3]
    else:
        pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
        drawn, alpha = pixels > (127 if is_lossy(image) else 0), None
    coloured: npt.NDArray[np.bool_] = np.any(drawn, axis=2) if drawn.ndim == 3 else drawn
    if alpha is None:
        return coloured
    visible = alpha > 0
    coloured &= visible
    return coloured if coloured.any() or visible.all() else visible


def is_lossy(image: Decoded) -> bool:
    return isinstance(image, Image.Image) and image.format in _LOSSY
