"""How content enters an image, and which pixels count as anomalous afterwards (methods.md: synthetic anomalies)."""

from __future__ import annotations

import cv2
import numpy as np

from tocoad.synthesis.augment import Image
from tocoad.synthesis.placement import Mask

LARGEST_OPACITY = 0.8
VISIBLE = 1
MEDIAN_SIDE = 5


def alpha_blend(image: Image, content: Image, mask: Mask, opacity: float) -> Image:
    """`(1 - m) x + m [(1 - beta) tex + beta x]`, rounded to nearest; `opacity` is beta, the share of x kept inside."""
    mixture = content if opacity == 0.0 else cv2.addWeighted(content, 1.0 - opacity, image, opacity, 0.0)
    return paste(image, mixture, mask)


def paste(image: Image, content: cv2.typing.MatLike, mask: Mask) -> Image:
    """`image` outside of the mask, `content` inside."""
    return np.asarray(cv2.copyTo(content, mask.view(np.uint8), image.copy()), dtype=np.uint8)


def changed_mask(normal: Image, blended: Image, mask: Mask) -> Mask:
    """Where the two differ by more than 1 grey level in the mean over channels, as a 5x5 median within `mask`.

    The median counts the mask's pixels only, so that a scar 2 pixels wide is kept.
    """
    red, green, blue = cv2.split(cv2.absdiff(normal, blended))
    # A sum that saturates at 255 is above the limit as well.
    changed = mask & (cv2.add(cv2.add(red, green), blue) > 3 * VISIBLE)
    return np.asarray(mask & (2 * _window_sum(changed) > _window_sum(mask)))


def _window_sum(mask: Mask) -> cv2.typing.MatLike:
    side = (MEDIAN_SIDE, MEDIAN_SIDE)
    return cv2.boxFilter(mask.view(np.uint8), cv2.CV_8U, side, normalize=False, borderType=cv2.BORDER_REPLICATE)
