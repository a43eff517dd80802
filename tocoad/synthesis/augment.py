"""What happens to a texture before it becomes a defect: 3 distinct operations of 10 (DRAEM).

See methods.md: synthetic anomalies.

All work on uint8 `(S, S, 3)` RGB. Those that act on single values are look-up tables, rounded once, explicitly.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]
Operation = Callable[[np.random.Generator, Image], Image]

OPERATIONS_PER_IMAGE = 3
HUE_STEPS = 180  # OpenCV's uint8 hue is in degrees / 2
JITTER = 0.1

_VALUES = np.arange(256, dtype=np.float64)


def augment(rng: np.random.Generator, image: Image) -> Image:
    for chosen in rng.choice(len(OPERATIONS), size=OPERATIONS_PER_IMAGE, replace=False):
        image = OPERATIONS[chosen](rng, image)
    return image


def colour_jitter(rng: np.random.Generator, image: Image) -> Image:
    """CutPaste's jitter: brightness, contrast, saturation and hue by up to 10 %."""
    brightness, contrast, saturation = rng.uniform(1.0 - JITTER, 1.0 + JITTER, size=3)
    grey = image.mean()
    image = _look_up(image, brightness * (contrast * _VALUES + (1.0 - contrast) * grey))
    return _shift_hsv(image, round(rng.uniform(-JITTER, JITTER) * HUE_STEPS), saturation * _VALUES)


def gamma(rng: np.random.Generator, image: Image) -> Image:
    exponents = rng.uniform(0.5, 2.0, size=3)
    return _look_up(image, 255.0 * (_VALUES[:, None] / 255.0) ** exponents)


def multiply_add(rng: np.random.Generator, image: Image) -> Image:
    return _look_up(image, rng.uniform(0.8, 1.2) * _VALUES + rng.uniform(-30.0, 30.0))


def sharpness(rng: np.random.Generator, image: Image) -> Image:
    """Factor 0 is Pillow's 3x3 smoothing, 1 the image itself, above 1 sharper."""
    factor = rng.uniform(0.0, 3.0)
    kernel = np.full((3, 3), (1.0 - factor) / 13.0, dtype=np.float32)
    kernel[1, 1] = factor + 5.0 * (1.0 - factor) / 13.0
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8)


def hue_saturation(rng: np.random.Generator, image: Image) -> Image:
    """Both by up to 50 of 255 steps."""
    hue, saturation = rng.uniform(-50.0, 50.0, size=2)
    return _shift_hsv(image, round(hue / 255.0 * HUE_STEPS), _VALUES + saturation)


def solarise(rng: np.random.Generator, image: Image) -> Image:
    return _look_up(image, np.where(rng.integers(32, 129) <= _VALUES, 255.0 - _VALUES, _VALUES))


def posterise(rng: np.random.Generator, image: Image) -> Image:
    step = 2.0 ** rng.integers(1, 8)
    return _look_up(image, np.floor(_VALUES / step) * step)


def invert(rng: np.random.Generator, image: Image) -> Image:
    return np.asarray(255 - image, dtype=np.uint8)


def autocontrast(rng: np.random.Generator, image: Image) -> Image:
    """Each channel stretched to 0..255, up to 20 % of the pixels cut off at either end."""
    cut = rng.uniform(0.0, 0.2) * image.shape[0] * image.shape[1]
    histograms = _histograms(image)
    low = (np.cumsum(histograms, axis=0) <= cut).sum(axis=0)
    high = 255 - (np.cumsum(histograms[::-1], axis=0) <= cut).sum(axis=0)
    # A channel with next to one value only has nothing to stretch.
    stretched = (_VALUES[:, None] - low) * (255.0 / np.maximum(high - low, 1))
    return _look_up(image, np.where(high > low, stretched, _VALUES[:, None]))


def equalise(rng: np.random.Generator, image: Image) -> Image:
    return np.asarray(cv2.merge([cv2.equalizeHist(channel) for channel in cv2.split(image)]), dtype=np.uint8)


def rotate(rng: np.random.Generator, image: Image) -> Image:
    size = image.shape[0]
    centre = (size - 1) / 2.0
    matrix = cv2.getRotationMatrix2D((centre, centre), rng.uniform(-45.0, 45.0), 1.0)
    turned = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(turned, dtype=np.uint8)


OPERATIONS: tuple[Operation, ...] = (
    gamma,
    multiply_add,
    sharpness,
    hue_saturation,
    solarise,
    posterise,
    invert,
    autocontrast,
    equalise,
    rotate,
)


def _look_up(image: Image, table: ArrayLike) -> Image:
    """`table` holds the wanted value of each grey level, `(256,)` or `(256, 3)`."""
    rounded = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, rounded.reshape(1, 256, -1)), dtype=np.uint8)


def _shift_hsv(image: Image, hue_steps: int, saturation: ArrayLike) -> Image:
    tables = np.empty((1, 256, 3), dtype=np.uint8)
    tables[0, :, 0] = (np.arange(256) + hue_steps) % HUE_STEPS
    tables[0, :, 1] = np.clip(np.rint(saturation), 0, 255)
    tables[0, :, 2] = np.arange(256)
    shifted = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), tables)
    return np.asarray(cv2.cvtColor(shifted, cv2.COLOR_HSV2RGB), dtype=np.uint8)


def _histograms(image: Image) -> NDArray[np.float32]:
    """Pixels per grey level and channel, `(256, 3)`."""
    counts = [cv2.calcHist([image], [channel], None, [256], [0.0, 256.0]) for channel in range(3)]
    # One column or a flat array, by the version of OpenCV.
    return np.stack([count.ravel() for count in counts], axis=1)
