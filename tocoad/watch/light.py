"""What a photographer would say of an image: how bright, how rich in contrast, how sharp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIGHT = ("brightness", "contrast", "sharpness")

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def light(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 3), as named by LIGHT, of RGB images (N, S, S, 3).

    Brightness and contrast are mean and standard deviation of the luma in [0, 255]. Sharpness is the mean step between
    neighbouring pixels by the contrast: less light alone does not change it.
    """
    found = np.empty((len(images), len(LIGHT)))
    for row, image in zip(found, images, strict=True):
        # Not by @: the bits of its sums hang on how many threads BLAS has.
        luma = (image * _LUMA).sum(2)
        steps = np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean()
        row[:] = luma.mean(), luma.std(), steps / (luma.std() + 1.0)
    return found
