"""Which images make up a training batch, and their photometric views."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


def batch_indices(count: int, batch_size: int, step: int, seed: int) -> list[int]:
    """Indices of the batch of this step: every image once an epoch, shuffled anew each epoch.

    A function of its arguments alone, so that a resumed training sees the same batches.
    """
    first = step * batch_size
    permutations: dict[int, NDArray[np.int64]] = {}
    indices = []
    for position in range(first, first + batch_size):
        epoch, place = divmod(position, count)
        if epoch not in permutations:
            permutations[epoch] = np.random.default_rng((seed, epoch)).permutation(count)
        indices.append(int(permutations[epoch][place]))
    return indices


class PhotometricChanges(Protocol):
    """How far two views of an image may differ: shares of what they are, of the circle of hues, and pixels of blur."""

    @property
    def brightness(self) -> float: ...
    @property
    def contrast(self) -> float: ...
    @property
    def saturation(self) -> float: ...
    @property
    def hue(self) -> float: ...
    @property
    def blur_sigma(self) -> float: ...


def photometric_view(image: Images, changes: PhotometricChanges, rng: np.random.Generator) -> Images:
    """(H, W, 3) uint8 -> the same: brightness, contrast, saturation and hue jitter, then a light blur.

    Geometry stays as it is, so that positions of two views correspond (methods.md: stage 2).
    """
    brightness, contrast, saturation = (
        1 + rng.uniform(-1, 1) * amount for amount in (changes.brightness, changes.contrast, changes.saturation)
    )
    hue, sigma = rng.uniform(-changes.hue, changes.hue), rng.uniform(0, changes.blur_sigma)
    x = image.astype(np.float32)
    x *= brightness
    mean = x.mean()
    x -= mean
    x *= contrast
    x += mean
    grey = cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    x -= grey
    x *= saturation
    x += grey
    np.clip(x, 0, 255, out=x)
    if hue:
        x = _turned(x, 360 * hue)
    if sigma > 0.05:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), sigma), dtype=np.float32)
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def _turned(x: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """Hues of RGB float32 (H, W, 3) turned by less than a full circle."""
    hsv = cv2.cvtColor(x, cv2.COLOR_RGB2HSV)
    hue = hsv[..., 0] + degrees
    hsv[..., 0] = np.where(hue < 0, hue + 360, np.where(hue >= 360, hue - 360, hue))
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float32)


def photometric_pair(
    images: Images, changes: PhotometricChanges, seed: int, step: int, first: int = 0
) -> tuple[Images, Images]:
    """Two views of images (B, H, W, 3) that stand in the batch from position `first` on. A flip, where drawn, is
    applied to both, so their geometry is identical.
    """
    pairs = []
    for index, image in enumerate(images, first):
        rng = np.random.default_rng((seed, step, index))
        source = np.ascontiguousarray(image[:, ::-1]) if rng.random() < 0.5 else image
        pairs.append((photometric_view(source, changes, rng), photometric_view(source, changes, rng)))
    return np.stack([first for first, _ in pairs]), np.stack([second for _, second in pairs])
